//! Units that are silent for one step.
//!
//! Whether a unit is silent for a row follows from a seed, the number of the step, the layer, the row's place in the batch
//! and the unit alone: a hash of them takes the place of a generator. So blocks of rows draw on any thread, in any order,
//! and a step that is taken again is the same. What is not silent is scaled up, so that sums keep their mean.
//!
//! References: N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, "Dropout: a simple way to prevent
//! neural networks from overfitting", 2014; G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number
//! generators", 2014.

use crate::common::Float;
use crate::common::simd::{Loops, compiled};

/// The golden ratio in 64 bits and in 32: what a counter advances by.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const SHORT_STEP: u32 = 0x9e37_79b9;

/// Which units are silent, in one step.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    fraction: f64,
    key: u64,
}

impl Dropout {
    /// A `share` of the hidden units, below 1, in step number `step` after `seed`.
    pub fn new(fraction: f64, seed: u64, step: u64) -> Self {
        Self { fraction, key: mixed(seed.wrapping_add(mixed(step))) }
    }

    /// The factors of a layer's units for rows of the batch from `first` on: 0 for silent ones. `factors` of shape
    /// (n_rows, stride).
    pub fn fill<F: Float>(&self, layer: usize, first: usize, stride: usize, factors: &mut [F]) {
        let key = mixed(self.key.wrapping_add(layer as u64));
        let kept = F::from_f64(1.0 / (1.0 - self.fraction));
        let least = (self.fraction * 2f64.powi(32)) as u32;
        for (row, factors) in (first..).zip(factors.chunks_exact_mut(stride)) {
            let key = (mixed(key.wrapping_add(row as u64)) >> 32) as u32;
            compiled(Fill { key, least, kept, factors });
        }
    }
}

/// SplitMix64's numbers.
fn mixed(counter: u64) -> u64 {
    let z = counter.wrapping_mul(STEP).wrapping_add(STEP);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

struct Fill<'a, F> {
    key: u32,
    least: u32,
    kept: F,
    factors: &'a mut [F],
}

impl<F: Float> Loops for Fill<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { key, least, kept, factors } = self;
        for (unit, factor) in (0_u32..).zip(factors) {
            let z = key.wrapping_add(unit.wrapping_mul(SHORT_STEP));
            let z = (z ^ (z >> 16)).wrapping_mul(0x7feb_352d);
            let z = (z ^ (z >> 15)).wrapping_mul(0x846c_a68b);
            *factor = if (z ^ (z >> 16)) < least { F::ZERO } else { kept };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(dropout: &Dropout, layer: usize, first: usize, rows: usize) -> Vec<f64> {
        let mut factors = vec![f64::NAN; rows * 48];
        dropout.fill(layer, first, 48, &mut factors);
        factors
    }

    #[test]
    fn a_fraction_is_silent_and_the_mean_stays() {
        for fraction in [0.0, 0.1, 0.5, 0.9] {
            let drawn = factors(&Dropout::new(fraction, 1, 1), 0, 0, 2000);
            let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let deviation = (fraction / (1.0 - fraction) / drawn.len() as f64).sqrt();
            assert!((mean - 1.0).abs() <= 4.0 * deviation, "{fraction} {mean}");
            assert!(drawn.iter().all(|&factor| factor == 0.0 || (factor * (1.0 - fraction) - 1.0).abs() < 1e-12));
            // Of each unit, and of each row.
            for unit in 0..48 {
                let mean = drawn.iter().skip(unit).step_by(48).sum::<f64>() / 2000.0;
                assert!((mean - 1.0).abs() <= 5.0 * deviation * 48f64.sqrt(), "{fraction} {unit} {mean}");
            }
            let spread: f64 = drawn.chunks(48).map(|row| (row.iter().sum::<f64>() / 48.0 - 1.0).powi(2)).sum();
            let expected = deviation * deviation * 2000.0;
            assert!((spread / 2000.0 - expected).abs() <= 0.2 * expected, "{fraction} {spread} {expected}");
        }
    }

    #[test]
    fn rows_draw_alone_and_nothing_repeats() {
        let dropout = Dropout::new(0.5, 7, 3);
        let whole = factors(&dropout, 1, 0, 20);
        assert_eq!(whole[7 * 48..], factors(&dropout, 1, 7, 13));
        let others = [
            factors(&dropout, 2, 0, 20),
            factors(&Dropout::new(0.5, 7, 4), 1, 0, 20),
            factors(&Dropout::new(0.5, 8, 3), 1, 0, 20),
            factors(&dropout, 1, 1, 20),
        ];
        for other in others {
            let equal = whole.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!((380..580).contains(&equal), "{equal} of 960");
        }
    }
}
