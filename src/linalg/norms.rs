//! Norms and distances of single rows, and column means, in the summation order of scikit-learn and NumPy.
//!
//! The order is part of the answer: two centres at the same distance are told apart by the last bit of these sums.

use crate::common::Float;

/// `x·x` in the order of `numpy.einsum("ij,ij->i", x, x)`: four vectors of the baseline at a time, the last one first.
#[inline(always)]
pub fn squared_norm<F: Float>(x: &[F]) -> F {
    match F::EINSUM_LANES {
        2 => {
            let lanes = lane_sums::<F, 2>(x);
            lanes[0] + lanes[1]
        }
        _ => {
            let lanes = lane_sums::<F, 4>(x);
            (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
        }
    }
}

#[inline(always)]
fn lane_sums<F: Float, const LANES: usize>(x: &[F]) -> [F; LANES] {
    let mut sums = [F::ZERO; LANES];
    let groups = x.len() / (4 * LANES);
    let (head, tail) = x.split_at(groups * 4 * LANES);
    for group in head.chunks_exact(4 * LANES) {
        for vector in group.chunks_exact(LANES).rev() {
            for lane in 0..LANES {
                sums[lane] = vector[lane] * vector[lane] + sums[lane];
            }
        }
    }
    for vector in tail.chunks(LANES) {
        for (lane, &value) in vector.iter().enumerate() {
            sums[lane] = value * value + sums[lane];
        }
    }
    sums
}

/// Sum of the squares of `difference(0..len)`, four at a time, in the order of scikit-learn's k-means.
#[inline(always)]
pub fn sum_of_squares<F: Float>(len: usize, difference: impl Fn(usize) -> F) -> F {
    let square = |index: usize| {
        let value = difference(index);
        value * value
    };
    let mut sum = F::ZERO;
    let whole = len / 4 * 4;
    for start in (0..whole).step_by(4) {
        sum += ((square(start) + square(start + 1)) + square(start + 2)) + square(start + 3);
    }
    for index in whole..len {
        sum += square(index);
    }
    sum
}

/// `|a - b|²` by differences.
#[inline(always)]
pub fn squared_distance<F: Float>(a: &[F], b: &[F]) -> F {
    let b = &b[..a.len()];
    sum_of_squares(a.len(), |index| a[index] - b[index])
}

/// Column sums of row-major values in the order of `values.sum(axis=0)`: row after row, or pairwise when there is only
/// one column.
pub fn column_sums<F: Float>(values: &[F], n_cols: usize) -> Vec<F> {
    if n_cols == 1 {
        return vec![pairwise_sum(values)];
    }
    let mut rows = values.chunks_exact(n_cols.max(1));
    let mut sums = rows.next().map_or_else(|| vec![F::ZERO; n_cols], <[F]>::to_vec);
    for row in rows {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    sums
}

/// NumPy's pairwise summation of contiguous values.
pub fn pairwise_sum<F: Float>(values: &[F]) -> F {
    let n = values.len();
    if n < 8 {
        // NumPy starts from -0.0, which leaves a sum of negative zeros negative.
        return values.iter().fold(-F::ZERO, |sum, &value| sum + value);
    }
    if n <= 128 {
        let mut sums: [F; 8] = std::array::from_fn(|lane| values[lane]);
        let chunks = values[8..].chunks_exact(8);
        let rest = chunks.remainder();
        for chunk in chunks {
            for lane in 0..8 {
                sums[lane] += chunk[lane];
            }
        }
        let total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
        return rest.iter().fold(total, |sum, &value| sum + value);
    }
    let half = n / 2;
    let half = half - half % 8;
    pairwise_sum(&values[..half]) + pairwise_sum(&values[half..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_agree_with_plain_ones(values in prop::collection::vec(-1e3..1e3f64, 0..300), n_cols in 1usize..9) {
            let plain: f64 = values.iter().map(|value| value * value).sum();
            prop_assert!((squared_norm(&values) - plain).abs() <= 1e-12 * plain);
            let zeros = vec![0.0; values.len()];
            prop_assert!((squared_distance(&values, &zeros) - plain).abs() <= 1e-12 * plain);
            let scale: f64 = values.iter().map(|value| value.abs()).sum();
            prop_assert!((pairwise_sum(&values) - values.iter().sum::<f64>()).abs() <= 1e-12 * scale);
            let whole = &values[..values.len() / n_cols * n_cols];
            let sums = column_sums(whole, n_cols);
            for (column, sum) in sums.iter().enumerate() {
                let plain: f64 = whole.iter().skip(column).step_by(n_cols).sum();
                prop_assert!((sum - plain).abs() <= 1e-12 * scale);
            }
        }
    }
}
