//! scikit-learn's `our_rand_r`: a 32-bit xorshift whose state is carried by the caller.
//!
//! Reference: G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003), triple (13, 17, 5).

/// Largest number drawn.
const RAND_R_MAX: u32 = 0x7fff_ffff;

/// The state of the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OurRandR {
    state: u32,
}

impl OurRandR {
    /// Seeds the generator. A seed of 0, which xorshift cannot leave, becomes 1.
    pub fn seeded(seed: u32) -> Self {
        Self { state: if seed == 0 { 1 } else { seed } }
    }

    /// The next number in `0..=0x7fff_ffff`.
    pub fn draw(&mut self) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        self.state % (RAND_R_MAX + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_seed_moves() {
        assert_eq!(OurRandR::seeded(0), OurRandR::seeded(1));
        assert_eq!(OurRandR::seeded(1).draw(), 270_369);
    }
}
