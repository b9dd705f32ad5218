//! What the expanded form of the Euclidean distance would lose, and how it is kept.
//!
//! Products and norms carry errors relative to the squared norms. Far from the origin these are large while distances
//! are small: there rows are seen from a point in their midst ([`midst`]). Where norms or products are too large for any
//! number, distances are taken by differences ([`scaled_distance`]).

use super::matrix::Pairs;
use crate::common::Float;

/// Rows of each side that are looked at to find a point in their midst.
const GLANCE: usize = 16;
/// How much longer than the spread of the rows around it the way to such a point is, both squared. Nearer to the origin
/// there is little to win.
const FAR: f64 = 4.0;

/// A point in the midst of the rows of both sides, shape (n_cols,), if they seem to lie far from the origin. Its
/// coordinates are multiples of a power of two that is no more than the spread: differences between whole numbers, and
/// the point, are exact. It is the same whichever side comes first.
pub(super) fn midst<F: Float>(pairs: Pairs<'_, F>) -> Option<Vec<f64>> {
    let n_cols = pairs.n_cols();
    let sides = [pairs.x(), pairs.y()];
    if sides.iter().any(|values| values.is_empty()) {
        return None;
    }
    let [x, y] = sides.map(|values| mean(values, n_cols));
    let mut point: Vec<f64> = x.iter().zip(&y).map(|(x, y)| 0.5 * x + 0.5 * y).collect();
    let way: f64 = point.iter().map(|value| value * value).sum();
    let [x, y] = sides.map(|values| spread(values, &point));
    let spread = x.max(y);
    let is_far = way > FAR * spread && way.is_finite();
    if !is_far {
        return None;
    }
    let unit = (spread / n_cols as f64).sqrt().log2().floor().exp2();
    if unit > 0.0 {
        point.iter_mut().for_each(|value| *value = (*value / unit).round() * unit);
    }
    Some(point)
}

/// Some rows of a side, evenly spaced.
fn glance<F>(values: &[F], n_cols: usize) -> impl ExactSizeIterator<Item = &[F]> {
    let n_rows = values.len() / n_cols;
    let count = n_rows.min(GLANCE);
    (0..count).map(move |at| &values[at * n_rows / count * n_cols..][..n_cols])
}

fn mean<F: Float>(values: &[F], n_cols: usize) -> Vec<f64> {
    let rows = glance(values, n_cols);
    let fraction = 1.0 / rows.len() as f64;
    let mut mean = vec![0.0; n_cols];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += fraction * value.to_f64());
    }
    mean
}

/// The mean squared distance of rows from a point.
fn spread<F: Float>(values: &[F], point: &[f64]) -> f64 {
    let rows = glance(values, point.len());
    let fraction = 1.0 / rows.len() as f64;
    let square = |row: &[F]| -> f64 { row.iter().zip(point).map(|(x, y)| (x.to_f64() - y) * (x.to_f64() - y)).sum() };
    rows.map(|row| fraction * square(row)).sum()
}

/// Whether a pair of rows with these squared norms may have overflowed on the way to its distance.
#[inline(always)]
pub(super) fn may_overflow(x_norm: f64, y_norm: f64) -> bool {
    let is_fine = x_norm + y_norm <= 0.25 * f64::MAX;
    !is_fine
}

/// The Euclidean distance by differences whose squares do not overflow, or its square, which may; None for rows that hold
/// what is not finite.
pub(super) fn scaled_distance(x: &[f64], y: &[f64], squared: bool) -> Option<f64> {
    // Half of a difference is in range where both rows are.
    let halves = || x.iter().zip(y).map(|(x, y)| 0.5 * x - 0.5 * y);
    if !halves().all(f64::is_finite) {
        return None;
    }
    let most = halves().fold(0.0, |most: f64, half| most.max(half.abs()));
    if most == 0.0 {
        return Some(0.0);
    }
    let sum: f64 = halves().map(|half| (half / most) * (half / most)).sum();
    let distance = 2.0 * (most * sum.sqrt());
    Some(if squared { distance * distance } else { distance })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_far_from_the_origin_have_a_midst_and_whole_numbers_stay_whole() {
        let near = [1.0, -2.0, 0.5, 3.0, 2.0, 1.0];
        assert_eq!(midst(Pairs::new(&near, None, 2).expect("rows")), None);
        let far: Vec<f64> = (0..60).map(|at| 1000.0 + f64::from(at % 7)).collect();
        let other: Vec<f64> = far[..20].iter().map(|value| value + 3.0).collect();
        let found = midst(Pairs::new(&far, Some(&other), 2).expect("rows")).expect("far");
        assert!(found.iter().all(|value| value.fract() == 0.0 && (value - 1004.5).abs() < 3.0), "{found:?}");
        assert_eq!(midst(Pairs::new(&other, Some(&far), 2).expect("rows")), Some(found));
        assert_eq!(midst(Pairs::new(&[3.0, 4.0], None, 2).expect("rows")), Some(vec![3.0, 4.0]));
        assert_eq!(midst(Pairs::new(&[f64::NAN, 4.0], None, 2).expect("rows")), None);
    }

    #[test]
    fn distances_are_right_up_to_the_largest_numbers() {
        let (one, other) = ([1e300, -1e300], [-1e300, 1e300]);
        let found = scaled_distance(&one, &other, false).expect("finite rows");
        assert!((found / 8f64.sqrt() / 1e300 - 1.0).abs() < 1e-15);
        assert_eq!(scaled_distance(&one, &other, true), Some(f64::INFINITY));
        assert_eq!(scaled_distance(&one, &one, true), Some(0.0));
        assert_eq!(scaled_distance(&[3.0, 0.0], &[0.0, 4.0], true), Some(25.0));
        assert_eq!(scaled_distance(&[f64::INFINITY, 0.0], &one, false), None);
        assert!(may_overflow(1e308, 1e308) && may_overflow(f64::NAN, 0.0) && !may_overflow(1e307, 1e307));
    }
}
