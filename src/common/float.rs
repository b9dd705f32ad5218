//! The two element types of the numerical code.

use super::simd::SimdFloat;

/// `f32` or `f64`. Accumulations that decide something run in [`Float::Wide`], which is `f64` for both.
pub trait Float: SimdFloat + std::fmt::Display + std::fmt::Debug + Default + std::ops::Neg<Output = Self> {
    /// Distance between 1 and the next number.
    const EPSILON: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Far above what is lost when a result is too small to be held in full, far below any square of interest.
    const TINY: Self;
    /// Lanes of NumPy's baseline vector of this type: `einsum` sums in that order (see `linalg::norms`).
    const EINSUM_LANES: usize;

    /// Nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// The same value, wider.
    fn to_f64(self) -> f64;
    /// The next number above.
    fn above(self) -> Self;
    /// Whether the value is neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Whether the value is NaN.
    fn is_nan(self) -> bool;
    /// e to this power.
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;

    /// The same slice, if this type is `f64`.
    fn as_f64(values: &[Self]) -> Option<&[f64]>;

    /// Nearest value of this type to an integer.
    fn from_usize(value: usize) -> Self {
        Self::from_f64(value as f64)
    }
}

macro_rules! float {
    ($type:ty, $lanes:expr, $tiny:expr, $as_f64:expr) => {
        impl Float for $type {
            const EPSILON: Self = <$type>::EPSILON;
            const INFINITY: Self = <$type>::INFINITY;
            const TINY: Self = $tiny;
            const EINSUM_LANES: usize = $lanes;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn above(self) -> Self {
                self.next_up()
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                self.is_finite()
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                self.is_nan()
            }

            #[inline(always)]
            fn exp(self) -> Self {
                self.exp()
            }

            #[inline(always)]
            fn ln(self) -> Self {
                self.ln()
            }

            #[inline(always)]
            fn tanh(self) -> Self {
                self.tanh()
            }

            #[inline(always)]
            fn as_f64(values: &[Self]) -> Option<&[f64]> {
                $as_f64(values)
            }
        }
    };
}

const fn not_f64(_values: &[f32]) -> Option<&[f64]> {
    None
}

float!(f32, 4, 1e-30, not_f64);
float!(f64, 2, 1e-200, Some);

/// The largest power of two that is not above a positive normal number; zero for a smaller one.
pub fn power_below(value: f64) -> f64 {
    f64::from_bits(value.to_bits() & f64::INFINITY.to_bits())
}

#[cfg(test)]
mod tests {
    use super::power_below;

    #[test]
    fn powers_of_two_lie_below() {
        for (value, expected) in [(1.0, 1.0), (1.99, 1.0), (0.3, 0.25), (1e300, 2f64.powi(996)), (5e-324, 0.0)] {
            assert_eq!(power_below(value), expected, "{value}");
        }
    }
}
