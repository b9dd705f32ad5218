//! NumPy's `Generator`: the bits of `PCG64`, and the shuffle on them.
//!
//! Reference: M. O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms for random number
//! generation", Harvey Mudd College (2014).

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

/// The state of the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pcg64 {
    /// Where it is.
    pub state: u128,
    /// Which of the sequences.
    pub increment: u128,
    /// The half of a 64-bit number that was not used yet.
    pub half: Option<u32>,
}

impl Pcg64 {
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let both = self.next_u64();
        self.half = Some((both >> 32) as u32);
        both as u32
    }

    /// An integer from 0 to `last`: the first number of so many bits that is not above it.
    fn up_to(&mut self, last: u32) -> u32 {
        let bits = u32::MAX >> last.leading_zeros();
        loop {
            let drawn = self.next_u32() & bits;
            if drawn <= last {
                return drawn;
            }
        }
    }

    /// `Generator.shuffle` of fewer than 2^32 values.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            values.swap(i, self.up_to(i as u32) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffles_are_numpys() {
        // numpy.random.default_rng(7): its state, and numpy.arange(12) shuffled twice.
        let mut random = Pcg64 { state: STATE, increment: INCREMENT, half: None };
        let mut values: Vec<u8> = (0..12).collect();
        random.shuffle(&mut values);
        assert_eq!(values, FIRST);
        random.shuffle(&mut values);
        assert_eq!(values, SECOND);
    }

    const STATE: u128 = 0x9d0a_ecc4_e7b1_8891_9ae2_415a_6b29_2038;
    const INCREMENT: u128 = 0xc475_1896_ce8a_cebf_6688_7f5a_c070_d959;
    const FIRST: [u8; 12] = [4, 6, 10, 0, 1, 3, 8, 7, 2, 5, 9, 11];
    const SECOND: [u8; 12] = [1, 9, 8, 0, 4, 11, 3, 10, 2, 7, 6, 5];
}
