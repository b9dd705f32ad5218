//! Exponentials and logarithms without branches, which the compiler turns into vectors where they stand in a loop.
//!
//! Each costs a few dozen operations and is off by at most two units in the last place. Products and sums are rounded one
//! by one, so that the bits are the same on every instruction set.

use std::f64::consts::{LN_2, LOG2_E, SQRT_2};

/// Added to a number below 2^51, it rounds it to an integer, which then stands in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Where results vanish, and where they overflow.
const RANGE: (f64, f64) = (-746.0, 710.0);
/// The logarithm of two in two parts; multiples of the first by integers below 2^11 are exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Two to the power of the integer that [`ROUND`] was added to, within ±1022.
#[inline(always)]
fn power(rounded: f64) -> f64 {
    f64::from_bits((rounded.to_bits() << 52).wrapping_add(1f64.to_bits()))
}

/// The exponential.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let x = if x < RANGE.0 { RANGE.0 } else { x };
    let x = if x > RANGE.1 { RANGE.1 } else { x };
    let n = (x * LOG2_E + ROUND) - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // The series of the exponential, as far as |r| <= ln 2 / 2 needs it.
    let mut sum = 1.0 / 6_227_020_800.0;
    for inverse in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * r + inverse;
    }
    // In two halves, since the power alone may overflow or vanish where the result does not.
    let half = n * 0.5 + ROUND;
    let rest = (n - (half - ROUND)) + ROUND;
    sum * power(half) * power(rest)
}

/// The logarithm of `1 + x`, for `x` from zero to one.
#[inline(always)]
pub fn ln_1p(x: f64) -> f64 {
    // ln v = 2 atanh((v - 1) / (v + 1)), for v = 1 + x or half of it, whichever is nearer to one.
    let is_large = x > SQRT_2 - 1.0;
    let base = if is_large { LN_2 } else { 0.0 };
    let (above, below) = if is_large { (x - 1.0, x + 3.0) } else { (x, x + 2.0) };
    let s = above / below;
    let z = s * s;
    let mut sum = 1.0 / 23.0;
    for inverse in
        [1.0 / 21.0, 1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 0.2, 1.0 / 3.0]
    {
        sum = sum * z + inverse;
    }
    base + 2.0 * (s + s * z * sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    #[test]
    fn values_are_those_of_the_library_to_the_last_digits() {
        let mut random = Mt19937::seeded(7);
        for _ in 0..100_000 {
            let x = (random.next_f64() - 0.5) * 1400.0;
            for x in [x, x / 100.0, x / 1e4, x / 1e9] {
                let expected = x.exp();
                assert!((exp(x) - expected).abs() <= 2.5 * f64::EPSILON * expected, "exp {x}");
            }
            let x = random.next_f64();
            for x in [x, x * x * x, x * 1e-9, x * 1e-300] {
                assert!((ln_1p(x) - x.ln_1p()).abs() <= 2.5 * f64::EPSILON * x.ln_1p(), "ln_1p {x}");
            }
        }
    }

    #[test]
    fn ends_are_exact() {
        assert_eq!((exp(0.0), exp(-0.0), ln_1p(0.0)), (1.0, 1.0, 0.0));
        assert_eq!((exp(f64::INFINITY), exp(f64::NEG_INFINITY)), (f64::INFINITY, 0.0));
        assert_eq!((exp(709.8), exp(-745.2)), (f64::INFINITY, 0.0));
        assert!(exp(709.7).is_finite() && exp(-745.0) > 0.0 && exp(f64::NAN).is_nan() && ln_1p(f64::NAN).is_nan());
        assert!((ln_1p(1.0) - LN_2).abs() <= f64::EPSILON);
    }
}
