//! Parting the samples of a node, left before right, in the order in which scikit-learn leaves them.
//!
//! scikit-learn swaps: whatever goes right and stands in front changes places with the last sample not yet placed, which
//! is then looked at in its turn. A processor guesses badly which way each sample goes, so the same order is made without
//! asking: call a *hole* a place in front whose sample goes right. Holes are filled, from the first on, by the samples at
//! the back that go left, from the last on. At the back, from the end on, stand the sample of the first hole and then the
//! samples that were there, each one place further down, where in place of one that goes left stands the sample of the
//! next hole. (The place where the right part begins counts as the last hole if its sample goes right.)

/// Parts `order`; the number of samples that go left, which is asked of each place in it and the sample there. `holes` is
/// room for as many numbers.
pub(super) fn part(order: &mut [u32], holes: &mut [u64], goes_left: impl Fn(usize, u32) -> bool) -> usize {
    let n_left = order.iter().enumerate().filter(|&(place, &sample)| goes_left(place, sample)).count();
    if n_left == order.len() {
        return n_left;
    }
    let hole = |place: usize, sample: u32| (place as u64) << 32 | u64::from(sample);
    let mut n_holes = 0;
    for (place, &sample) in order[..=n_left].iter().enumerate() {
        holes[n_holes] = hole(place, sample);
        n_holes += usize::from(!goes_left(place, sample));
    }
    let first = order[n_left];
    let (mut filled, mut carried) = (0, holes[0] as u32);
    for place in (n_left + 1..order.len()).rev() {
        let sample = order[place];
        let is_left = goes_left(place, sample);
        order[place] = carried;
        // A hole may be filled in vain: the sample that it waits for comes later.
        order[(holes[filled] >> 32) as usize] = sample;
        filled += usize::from(is_left);
        carried = if is_left { holes[filled] as u32 } else { sample };
    }
    if goes_left(n_left, first) {
        order[(holes[filled] >> 32) as usize] = first;
    }
    order[n_left] = carried;
    n_left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::OurRandR;

    fn by_swaps(order: &mut [u32], goes_left: impl Fn(u32) -> bool) -> usize {
        let (mut next, mut end) = (0, order.len());
        while next < end {
            if goes_left(order[next]) {
                next += 1;
            } else {
                end -= 1;
                order.swap(next, end);
            }
        }
        end
    }

    #[test]
    fn samples_stand_as_swaps_would_leave_them() {
        let mut random = OurRandR::seeded(7);
        for n in 0..40_u32 {
            for fraction in 0..=8 {
                let sides: Vec<bool> = (0..n).map(|_| random.draw() % 8 < fraction).collect();
                let goes_left = |sample: u32| sides[sample as usize];
                let (mut ours, mut theirs): (Vec<u32>, Vec<u32>) = ((0..n).collect(), (0..n).collect());
                let n_left = part(&mut ours, &mut vec![0; n as usize], |_, sample| goes_left(sample));
                assert_eq!(n_left, by_swaps(&mut theirs, goes_left));
                assert_eq!(ours, theirs, "{sides:?}");
            }
        }
    }
}
