//! Sums and products of twice the precision of `f64`, as pairs of a number and what rounding took from it.
//!
//! Reference: T. Dekker, "A floating-point technique for extending the available precision", 1971.

/// The unevaluated sum of two numbers, the second at most half a unit in the last place of the first.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Twofold {
    /// The nearest number.
    pub near: f64,
    /// What it lacks.
    rest: f64,
}

impl Twofold {
    /// `a + b`, exactly.
    #[inline]
    pub fn sum(a: f64, b: f64) -> Self {
        let near = a + b;
        let of_b = near - a;
        Self { near, rest: (a - (near - of_b)) + (b - of_b) }
    }

    /// `a * b`, exactly, unless it overflows or is tiny.
    #[inline]
    pub fn product(a: f64, b: f64) -> Self {
        let near = a * b;
        let ((a_high, a_low), (b_high, b_low)) = (halves(a), halves(b));
        let rest = ((a_high * b_high - near) + a_high * b_low + a_low * b_high) + a_low * b_low;
        Self { near, rest }
    }

    /// `self + other`.
    #[inline]
    pub fn plus(self, other: Self) -> Self {
        let sum = Self::sum(self.near, other.near);
        Self::sum(sum.near, sum.rest + (self.rest + other.rest))
    }

    /// `self * factor`.
    #[inline]
    pub fn times(self, factor: f64) -> Self {
        let product = Self::product(self.near, factor);
        Self::sum(product.near, product.rest + self.rest * factor)
    }

    /// `self * other`.
    #[inline]
    pub fn by(self, other: Self) -> Self {
        let product = Self::product(self.near, other.near);
        Self::sum(product.near, product.rest + (self.near * other.rest + self.rest * other.near))
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
    use super::Twofold;

    #[test]
    fn sums_and_products_are_exact() {
        assert_eq!(Twofold::sum(1e16, 1.0), Twofold { near: 1e16, rest: 1.0 });
        let third = 1.0 + f64::EPSILON;
        assert_eq!(Twofold::product(third, third).rest, f64::EPSILON * f64::EPSILON);
    }

    #[test]
    fn what_cancels_leaves_the_rest() {
        let big = Twofold::sum(1e20, 3.0);
        assert_eq!(big.plus(Twofold::sum(-1e20, 0.0)).near, 3.0);
        assert_eq!(big.times(2.0).plus(Twofold::product(-1e10, 2e10)).near, 6.0);
        let square = big.by(big).plus(Twofold::product(-1e20, 1e20));
        assert!((square.near - 6e20).abs() <= 6e20 * 1e-12);
    }
}
