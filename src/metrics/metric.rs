//! The distances by name.

/// A distance between two rows of equal length `n`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// `sqrt(sum((x - y)²))`.
    Euclidean,
    /// `sum((x - y)²)`.
    SquaredEuclidean,
    /// `sum(|x - y|)`.
    Manhattan,
    /// `max(|x - y|)`.
    Chebyshev,
    /// `sum(|x - y|^p)^(1/p)`.
    Minkowski(f64),
    /// `1 - x·y / (|x| |y|)`; 1 where either row is all zero.
    Cosine,
    /// The cosine distance of the rows less their means; NaN where either row is constant.
    Correlation,
    /// The fraction of features that differ.
    Hamming,
    /// `sum(|x - y| / (|x| + |y|))`, features that are zero in both rows left out.
    Canberra,
    /// `sum(|x - y|) / sum(|x| + |y|)`, 0 where both rows are all zero, as scikit-learn's neighbours are told apart.
    /// SciPy, and so a matrix of distances, has `|x + y|` in place of `|x| + |y|`, and NaN for 0.
    BrayCurtis,
    /// The Euclidean distance by the features that are NaN in neither row, scaled up to all `n`; NaN if there are none.
    NanEuclidean,
}

impl Metric {
    /// The metric that scikit-learn calls `name`; `p` is the exponent of "minkowski". `None` for any other name, and for
    /// an exponent that is not positive.
    pub fn parse(name: &str, p: f64) -> Option<Self> {
        Some(match name {
            "euclidean" | "l2" => Self::Euclidean,
            "sqeuclidean" => Self::SquaredEuclidean,
            "manhattan" | "cityblock" | "l1" => Self::Manhattan,
            "chebyshev" | "infinity" => Self::Chebyshev,
            // The exponents that have a faster form are not raised to.
            "minkowski" | "p" if p == 1.0 => Self::Manhattan,
            "minkowski" | "p" if p == 2.0 => Self::Euclidean,
            "minkowski" | "p" if p == f64::INFINITY => Self::Chebyshev,
            "minkowski" | "p" if p > 0.0 => Self::Minkowski(p),
            "cosine" => Self::Cosine,
            "correlation" => Self::Correlation,
            "hamming" => Self::Hamming,
            "canberra" => Self::Canberra,
            "braycurtis" => Self::BrayCurtis,
            "nan_euclidean" => Self::NanEuclidean,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood() {
        assert_eq!(Metric::parse("l1", 2.0), Some(Metric::Manhattan));
        assert_eq!(Metric::parse("minkowski", 2.0), Some(Metric::Euclidean));
        assert_eq!(Metric::parse("minkowski", 1.0), Some(Metric::Manhattan));
        assert_eq!(Metric::parse("minkowski", f64::INFINITY), Some(Metric::Chebyshev));
        assert_eq!(Metric::parse("minkowski", 1.5), Some(Metric::Minkowski(1.5)));
        assert_eq!(Metric::parse("minkowski", 0.0), None);
        assert_eq!(Metric::parse("minkowski", f64::NAN), None);
        assert_eq!(Metric::parse("haversine", 2.0), None);
    }
}
