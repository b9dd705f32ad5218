//! Sorting keys by rank: the rank in the upper half, something that travels with it in the lower.
//!
//! [`sort`] is stable in the rank as long as the lower halves ascend. [`sort_as_parent`] leaves equal ranks in the order
//! in which scikit-learn's introsort leaves them, which decides how sums round and so how ties between splits end:
//! insertion below 16 keys, else a three-way partition around the median of the first, middle and last, and heapsort
//! once the partitions get too lopsided (D. Musser, "Introspective sorting and selection algorithms", 1997; J. Bentley
//! and D. McIlroy, "Engineering a sort function", 1993).

/// Below this many keys insertion is fastest.
const FEW: usize = 20;
/// From this many keys on, counting digits beats comparing.
const MANY: usize = 256;
/// Below this many keys scikit-learn sorts by insertion.
const PARENT_FEW: usize = 16;

/// The rank in a key.
#[inline]
pub(super) fn rank(key: u64) -> u32 {
    (key >> 32) as u32
}

/// Sorts by rank; keys of one rank by their lower halves or (if these ascend) as they were, which is the same.
/// `scratch` is as long as `keys`.
pub(super) fn sort(keys: &mut [u64], scratch: &mut [u64]) {
    if keys.len() < FEW {
        insert(keys);
    } else if keys.len() < MANY {
        keys.sort_unstable();
    } else {
        by_digits(keys, scratch);
    }
}

/// Insertion sort by rank, stable.
#[inline]
pub(super) fn insert(keys: &mut [u64]) {
    for i in 1..keys.len() {
        let key = keys[i];
        let mut j = i;
        while j > 0 && rank(keys[j - 1]) > rank(key) {
            keys[j] = keys[j - 1];
            j -= 1;
        }
        keys[j] = key;
    }
}

/// Radix sort by the digits of the rank, from the last: as few digits as the ranks in use need.
fn by_digits(keys: &mut [u64], scratch: &mut [u64]) {
    let (mut low, mut high) = (u64::from(u32::MAX), 0);
    for &key in keys.iter() {
        low = low.min(key >> 32);
        high = high.max(key >> 32);
    }
    let span = high - low;
    if span == 0 {
        return;
    }
    let bits = u64::BITS - span.leading_zeros();
    // Long digits save passes, short ones counters: counters should be fewer than keys.
    let longest = if keys.len() < 2048 { 8 } else { 11 };
    let passes = bits.div_ceil(longest);
    let digit = bits.div_ceil(passes);
    let (mut from, mut to) = (&mut *keys, scratch);
    for pass in 0..passes {
        let shift = pass * digit;
        scatter(from, to, low, shift, (1 << digit) - 1);
        (from, to) = (to, from);
    }
    if passes % 2 == 1 {
        to.copy_from_slice(from);
    }
}

fn scatter(from: &[u64], to: &mut [u64], low: u64, shift: u32, mask: u64) {
    let mut starts = [0_u32; 1 << 11];
    let digit = |key: u64| ((((key >> 32) - low) >> shift) & mask) as usize;
    for &key in from {
        starts[digit(key)] += 1;
    }
    let mut sum = 0;
    for start in &mut starts[..=mask as usize] {
        sum += std::mem::replace(start, sum);
    }
    for &key in from {
        let place = &mut starts[digit(key)];
        to[*place as usize] = key;
        *place += 1;
    }
}

/// Sorts by rank and leaves keys of one rank as scikit-learn does, given that they came in its order.
pub(super) fn sort_as_parent(keys: &mut [u64]) {
    sort_parts_as_parent(keys, |_, _, _| false);
}

/// [`sort_as_parent`] given the same keys `sorted` by rank, in any order among equals: what has no equals in it is taken
/// from there.
pub(super) fn sort_ties_as_parent(keys: &mut [u64], sorted: &[u64]) {
    // A bit for each place whose key has the rank of the one before.
    let mut ties = vec![0_u64; sorted.len().div_ceil(64)];
    for (p, pair) in (1..).zip(sorted.windows(2)) {
        ties[p / 64] |= u64::from(rank(pair[0]) == rank(pair[1])) << (p % 64);
    }
    let has_ties = |start: usize, end: usize| {
        let (first, last) = ((start + 1) / 64, (end - 1) / 64);
        let (from, to) = (!0 << ((start + 1) % 64), !0 >> (63 - (end - 1) % 64));
        if first == last {
            return ties[first] & from & to != 0;
        }
        ties[first] & from != 0 || ties[last] & to != 0 || ties[first + 1..last].iter().any(|&word| word != 0)
    };
    sort_parts_as_parent(keys, |part, start, end| {
        let is_known = end - start < 2 || !has_ties(start, end);
        if is_known {
            part.copy_from_slice(&sorted[start..end]);
        }
        is_known
    });
}

/// [`sort_as_parent`] of what `settle` does not sort: it is given each part, where it starts and where it ends.
fn sort_parts_as_parent(keys: &mut [u64], mut settle: impl FnMut(&mut [u64], usize, usize) -> bool) {
    let depth = 2 * keys.len().checked_ilog2().unwrap_or(0);
    // Left parts wait here; the depth left bounds how many, so nothing recurses.
    let mut waiting = vec![(0, keys.len(), depth)];
    while let Some((start, end, depth)) = waiting.pop() {
        let part = &mut keys[start..end];
        if settle(part, start, end) {
            continue;
        }
        if part.len() < PARENT_FEW {
            insert(part);
        } else if depth == 0 {
            heapsort(part);
        } else {
            let (less, more) = partition(part);
            waiting.push((start, start + less, depth - 1));
            waiting.push((start + more, end, depth - 1));
        }
    }
}

/// Brings smaller keys to the front and larger ones to the back of a pivot; where the pivot's equals start and end.
fn partition(keys: &mut [u64]) -> (usize, usize) {
    let mut three = [keys[0], keys[keys.len() / 2], keys[keys.len() - 1]].map(rank);
    three.sort_unstable();
    let pivot = three[1];
    let (mut less, mut next, mut more) = (0, 0, keys.len());
    while next < more {
        match rank(keys[next]).cmp(&pivot) {
            std::cmp::Ordering::Less => {
                keys.swap(next, less);
                next += 1;
                less += 1;
            }
            std::cmp::Ordering::Greater => {
                more -= 1;
                keys.swap(next, more);
            }
            std::cmp::Ordering::Equal => next += 1,
        }
    }
    (less, more)
}

fn heapsort(keys: &mut [u64]) {
    for start in (0..keys.len() / 2).rev() {
        sift_down(keys, start);
    }
    for end in (1..keys.len()).rev() {
        keys.swap(0, end);
        sift_down(&mut keys[..end], 0);
    }
}

/// Sinks the key at `root` below the larger ones under it.
fn sift_down(keys: &mut [u64], mut root: usize) {
    loop {
        let mut largest = root;
        for child in [2 * root + 1, 2 * root + 2] {
            if child < keys.len() && rank(keys[largest]) < rank(keys[child]) {
                largest = child;
            }
        }
        if largest == root {
            return;
        }
        keys.swap(root, largest);
        root = largest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::OurRandR;

    #[test]
    fn every_sort_orders_by_rank_and_keeps_all_keys() {
        let mut random = OurRandR::seeded(5);
        for (n, ranks) in
            [(0, 1), (1, 1), (2, 2), (19, 3), (20, 100), (127, 9), (128, 300), (3000, 70_000), (3000, 900), (5000, 2)]
        {
            let keys: Vec<u64> = (0..n).map(|i| u64::from(random.draw() % ranks) << 32 | i).collect();
            let mut expected = keys.clone();
            expected.sort_unstable();
            let (mut stable, mut parent) = (keys.clone(), keys.clone());
            sort(&mut stable, &mut vec![0; keys.len()]);
            assert_eq!(stable, expected);
            sort_as_parent(&mut parent);
            assert!(parent.windows(2).all(|pair| rank(pair[0]) <= rank(pair[1])));
            let mut ties = keys.clone();
            sort_ties_as_parent(&mut ties, &expected);
            assert_eq!(ties, parent);
            parent.sort_unstable();
            assert_eq!(parent, expected);
        }
    }

    #[test]
    fn equal_ranks_fall_as_in_scikit_learn() {
        // What sklearn.utils._sorting._py_simultaneous_sort(use_three_way_partition=True) makes of i * 7 % 5, i < 20.
        let mut keys: Vec<u64> = (0..20_u64).map(|i| (i * 7 % 5) << 32 | i).collect();
        sort_as_parent(&mut keys);
        let order: Vec<u32> = keys.iter().map(|&key| key as u32).collect();
        assert_eq!(order, [0, 15, 10, 5, 18, 8, 3, 13, 16, 1, 11, 6, 14, 9, 19, 4, 2, 12, 17, 7]);
    }
}
