//! The Mersenne Twister as NumPy's legacy `RandomState` uses it (its stream is frozen, NEP 19).
//!
//! Reference: M. Matsumoto and T. Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform
//! pseudo-random number generator", ACM TOMACS 8 (1998).

/// Words of state.
pub const KEY_LENGTH: usize = 624;
const SHIFT_SIZE: usize = 397;
const MATRIX_A: u32 = 0x9908_b0df;
const UPPER_MASK: u32 = 0x8000_0000;
const LOWER_MASK: u32 = 0x7fff_ffff;

/// The state of a `RandomState`: 624 words and the position in them.
#[derive(Clone, PartialEq, Eq)]
pub struct Mt19937 {
    key: [u32; KEY_LENGTH],
    position: usize,
}

impl std::fmt::Debug for Mt19937 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Mt19937").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Mt19937 {
    /// The state of `RandomState(seed)`.
    pub fn seeded(seed: u32) -> Self {
        let mut key = [0; KEY_LENGTH];
        let mut word = seed;
        for (index, slot) in key.iter_mut().enumerate() {
            *slot = word;
            word = 1_812_433_253_u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(index as u32 + 1);
        }
        Self { key, position: KEY_LENGTH }
    }

    /// The state as `RandomState.get_state()` gives it. `None` if the position is out of range.
    pub fn from_state(key: [u32; KEY_LENGTH], position: usize) -> Option<Self> {
        (position <= KEY_LENGTH).then_some(Self { key, position })
    }

    /// Key and position, for `RandomState.set_state()`.
    pub fn state(&self) -> (&[u32; KEY_LENGTH], usize) {
        (&self.key, self.position)
    }

    fn refill(&mut self) {
        let twist = |upper: u32, lower: u32| {
            let word = (upper & UPPER_MASK) | (lower & LOWER_MASK);
            (word >> 1) ^ if word & 1 == 1 { MATRIX_A } else { 0 }
        };
        let key = &mut self.key;
        for index in 0..KEY_LENGTH - SHIFT_SIZE {
            key[index] = key[index + SHIFT_SIZE] ^ twist(key[index], key[index + 1]);
        }
        for index in KEY_LENGTH - SHIFT_SIZE..KEY_LENGTH - 1 {
            key[index] = key[index + SHIFT_SIZE - KEY_LENGTH] ^ twist(key[index], key[index + 1]);
        }
        key[KEY_LENGTH - 1] = key[SHIFT_SIZE - 1] ^ twist(key[KEY_LENGTH - 1], key[0]);
        self.position = 0;
    }

    /// The next 32 bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.position == KEY_LENGTH {
            self.refill();
        }
        let mut word = self.key[self.position];
        self.position += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn next_u64(&mut self) -> u64 {
        (u64::from(self.next_u32()) << 32) | u64::from(self.next_u32())
    }

    /// A uniform number in `[0, 1)` with 53 random bits: `RandomState.random_sample()`.
    pub fn next_f64(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// A uniform integer in `0..=most`, by masked rejection: `RandomState.randint(0, most + 1)` for one number, and the
    /// step of `shuffle`.
    pub fn at_max(&mut self, most: u64) -> u64 {
        if most == 0 {
            return 0;
        }
        let mask = u64::MAX >> most.leading_zeros();
        loop {
            let draw = if most <= u64::from(u32::MAX) { u64::from(self.next_u32()) } else { self.next_u64() };
            if draw & mask <= most {
                return draw & mask;
            }
        }
    }

    /// A uniform integer in `0..bound` by one multiplication: how scikit-learn's LIBLINEAR draws.
    ///
    /// Reference: D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29 (2019).
    #[inline]
    pub fn scaled_below(&mut self, bound: u32) -> u32 {
        loop {
            let product = u64::from(self.next_u32()) * u64::from(bound);
            let low = product as u32;
            // The remainder is below the bound, and dear: it is seldom asked for.
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (product >> 32) as u32;
            }
        }
    }

    /// Fills `out` with uniform integers in `0..bound`: `RandomState.randint(0, bound, len)`.
    pub fn fill_below(&mut self, bound: usize, out: &mut [usize]) {
        for slot in out {
            *slot = self.at_max(bound as u64 - 1) as usize;
        }
    }

    /// Shuffles in place: `RandomState.shuffle` of a one-dimensional array.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.at_max(last as u64) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_numbers_of_the_reference_seed() {
        // numpy.random.RandomState(5489): the published first outputs of MT19937.
        let mut generator = Mt19937::seeded(5489);
        assert_eq!([generator.next_u32(), generator.next_u32()], [3_499_211_612, 581_869_302]);
    }

    #[test]
    fn state_round_trips() {
        let mut generator = Mt19937::seeded(3);
        generator.next_f64();
        let (key, position) = generator.state();
        let mut copy = Mt19937::from_state(*key, position);
        assert_eq!(copy.as_mut().map(Mt19937::next_u32), Some(generator.next_u32()));
        assert_eq!(Mt19937::from_state([0; KEY_LENGTH], KEY_LENGTH + 1), None);
    }

    #[test]
    fn bounded_draws_stay_in_bounds() {
        let mut generator = Mt19937::seeded(0);
        for most in [1, 2, 7, 1000, u64::from(u32::MAX), u64::from(u32::MAX) + 5] {
            assert!((0..200).all(|_| generator.at_max(most) <= most));
        }
        for bound in [1, 2, 3, 1000, 1 << 31, u32::MAX] {
            assert!((0..200).all(|_| generator.scaled_below(bound) < bound));
        }
    }

    #[test]
    fn shuffle_permutes() {
        let mut items: Vec<u32> = (0..100).collect();
        Mt19937::seeded(1).shuffle(&mut items);
        let mut sorted = items.clone();
        sorted.sort_unstable();
        assert!(items != sorted && sorted == (0..100).collect::<Vec<_>>());
    }
}
