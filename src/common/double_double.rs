//! Sums and products of twice the precision of `f64`, as pairs of a number and what rounding took from it.
//!
//! Reference: T. Dekker, "A floating-point technique for extending the available precision", 1971.

/// The unevaluated sum of two numbers, the second at most half a unit in the last place of the first.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DoubleDouble {
    /// The nearest number.
    pub hi: f64,
    /// What it lacks.
    lo: f64,
}

impl DoubleDouble {
    /// `a + b`, exactly.
    #[inline]
    pub fn two_sum(a: f64, b: f64) -> Self {
        let hi = a + b;
        let of_b = hi - a;
        Self { hi, lo: (a - (hi - of_b)) + (b - of_b) }
    }

    /// `a * b`, exactly, unless it overflows or is tiny.
    #[inline]
    pub fn two_prod(a: f64, b: f64) -> Self {
        let hi = a * b;
        let ((a_high, a_low), (b_high, b_low)) = (halves(a), halves(b));
        let lo = ((a_high * b_high - hi) + a_high * b_low + a_low * b_high) + a_low * b_low;
        Self { hi, lo }
    }

    /// `self + other`.
    #[inline]
    pub fn plus(self, other: Self) -> Self {
        let sum = Self::two_sum(self.hi, other.hi);
        Self::two_sum(sum.hi, sum.lo + (self.lo + other.lo))
    }

    /// `self * factor`.
    #[inline]
    pub fn times(self, factor: f64) -> Self {
        let product = Self::two_prod(self.hi, factor);
        Self::two_sum(product.hi, product.lo + self.lo * factor)
    }

    /// `self * other`.
    #[inline]
    pub fn by(self, other: Self) -> Self {
        let product = Self::two_prod(self.hi, other.hi);
        Self::two_sum(product.hi, product.lo + (self.hi * other.lo + self.lo * other.hi))
    }
}

/// A number as the sum of two of half the digits each, whose products are exact.
#[inline]
fn halves(value: f64) -> (f64, f64) {
    let shifted = value * 134_217_729.0; // 2^27 + 1
    let high = shifted - (shifted - value);
    (high, value - high)
}

#[cfg(test)]
mod tests {
    use super::DoubleDouble;

    #[test]
    fn sums_and_products_are_exact() {
        assert_eq!(DoubleDouble::two_sum(1e16, 1.0), DoubleDouble { hi: 1e16, lo: 1.0 });
        let third = 1.0 + f64::EPSILON;
        assert_eq!(DoubleDouble::two_prod(third, third).lo, f64::EPSILON * f64::EPSILON);
    }

    #[test]
    fn what_cancels_leaves_the_rest() {
        let big = DoubleDouble::two_sum(1e20, 3.0);
        assert_eq!(big.plus(DoubleDouble::two_sum(-1e20, 0.0)).hi, 3.0);
        assert_eq!(big.times(2.0).plus(DoubleDouble::two_prod(-1e10, 2e10)).hi, 6.0);
        let square = big.by(big).plus(DoubleDouble::two_prod(-1e20, 1e20));
        assert!((square.hi - 6e20).abs() <= 6e20 * 1e-12);
    }
}
