//! Coordinate descent for least squares with penalties on the size and the square of each coefficient:
//!
//! `P(w) = 1/2 |y - X w|² + l1 |w|₁ + l2/2 |w|²`, of which only `Q = XᵀX`, `q = Xᵀy` and `|y|²` are known.
//!
//! One coefficient after the other takes the value that is best for it while the others stay; the gradient `q - Q w` is
//! kept up. Once a pass changes no coefficient by much, the duality gap, an upper bound of what is still to be gained,
//! says whether to stop, and which features cannot have a coefficient at the optimum.
//!
//! The order of visits, the tests and their times are those of scikit-learn, so that the passes are too.
//!
//! References: J. Friedman, T. Hastie, R. Tibshirani, "Regularization paths for generalized linear models via coordinate
//! descent", 2010; O. Fercoq, A. Gramfort, J. Salmon, "Mind the duality gap: safer rules for the lasso", 2015.

mod gap;
pub mod tasks;

pub use gap::{Gap, Residuals};

use crate::common::error::check_length;
use crate::common::random::OurRandR;
use crate::common::{Context, Result, memory};
use crate::linalg::vectors::add_multiple;

/// Visits after which interruption is looked for.
const VISITS: usize = 1 << 14;

/// Least squares in products.
#[derive(Debug, Clone, Copy)]
pub struct Quadratic<'a> {
    /// `Q`, symmetric, row-major of shape (n, n).
    pub squares: &'a [f64],
    /// `q`, shape (n,).
    pub products: &'a [f64],
    /// `|y|²`.
    pub target_square: f64,
}

/// What coefficients cost.
#[derive(Debug, Clone, Copy)]
pub struct Penalty {
    /// For their size.
    pub l1: f64,
    /// For half their square.
    pub l2: f64,
}

/// When to stop, and what is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// Most passes.
    pub max_iter: usize,
    /// Largest change of a coefficient in a pass relative to the largest coefficient, and largest gap relative to
    /// `|y|²`.
    pub tol: f64,
    /// No coefficient may be negative.
    pub positive: bool,
    /// Seed of the order of visits; without one it is that of the features.
    pub seed: Option<u32>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct End {
    /// The duality gap.
    pub gap: f64,
    /// The gap that was small enough.
    pub allowed: f64,
    /// Passes.
    pub n_iter: usize,
}

/// Coefficients and the gradient that goes with them.
#[derive(Debug, Clone)]
pub struct Point {
    /// `w`, shape (n,).
    pub w: Vec<f64>,
    /// `q - Q w`, shape (n,).
    pub gradient: Vec<f64>,
}

impl Point {
    /// The point with these coefficients, shape (n,).
    ///
    /// # Errors
    /// [`crate::common::Error::Shape`]; [`crate::common::Error::OutOfMemory`].
    pub fn at(problem: &Quadratic, w: Vec<f64>) -> Result<Self> {
        let n = problem.products.len();
        check_length("coef", w.len(), n)?;
        check_length("products", problem.squares.len(), memory::checked_len(n, n)?)?;
        let mut point = Self { w, gradient: memory::try_copied(problem.products)? };
        for j in (0..n).filter(|&j| point.w[j] != 0.0) {
            add_multiple(&mut point.gradient, -point.w[j], problem.row(j));
        }
        Ok(point)
    }

    /// Gives a feature another coefficient.
    #[inline]
    fn set(&mut self, problem: &Quadratic, feature: usize, value: f64) {
        let change = value - self.w[feature];
        if change != 0.0 {
            self.w[feature] = value;
            add_multiple(&mut self.gradient, -change, problem.row(feature));
        }
    }
}

impl Quadratic<'_> {
    fn row(&self, feature: usize) -> &[f64] {
        let n = self.products.len();
        &self.squares[feature * n..][..n]
    }
}

/// Moves a point towards the optimum.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn descend(
    ctx: &Context,
    problem: &Quadratic,
    penalty: &Penalty,
    params: &Params,
    point: &mut Point,
) -> Result<End> {
    let n = problem.products.len();
    let mut diagonal = memory::try_with_capacity(n)?;
    diagonal.extend((0..n).map(|j| problem.row(j)[j]));
    let mut random = params.seed.map(OurRandR::seeded);
    let mut features = memory::try_with_capacity(n)?;
    features.extend((0..n).filter(|&j| penalty.l1 == 0.0 || diagonal[j] != 0.0));
    let allowed = params.tol * problem.target_square;
    let mut gap = Gap::of(problem, penalty, params.positive, point);
    if gap.value <= allowed {
        return Ok(End { gap: gap.value, allowed, n_iter: 0 });
    }
    if penalty.l1 > 0.0 {
        (0..n).filter(|&j| diagonal[j] == 0.0).for_each(|j| point.w[j] = 0.0);
        screen(problem, penalty, &gap, &diagonal, &mut features, point);
    }
    let mut visits = 0;
    for n_iter in 1..=params.max_iter {
        visits += features.len() + 1;
        if visits >= VISITS {
            ctx.check()?;
            visits = 0;
        }
        let (mut largest, mut largest_change) = (0.0, 0.0);
        for position in 0..features.len() {
            let j = match &mut random {
                None => features[position],
                Some(random) => features[random.draw() as usize % features.len()],
            };
            if diagonal[j] == 0.0 {
                continue;
            }
            let before = point.w[j];
            let value = best(point.gradient[j] + before * diagonal[j], diagonal[j], penalty, params.positive);
            point.set(problem, j, value);
            largest_change = f64::max(largest_change, (value - before).abs());
            largest = f64::max(largest, value.abs());
        }
        if largest == 0.0 || largest_change / largest <= params.tol || n_iter == params.max_iter {
            gap = Gap::of(problem, penalty, params.positive, point);
            if gap.value <= allowed {
                return Ok(End { gap: gap.value, allowed, n_iter });
            }
            if penalty.l1 > 0.0 {
                screen(problem, penalty, &gap, &diagonal, &mut features, point);
            }
        }
    }
    Ok(End { gap: gap.value, allowed, n_iter: params.max_iter })
}

/// The best coefficient for a feature, given its product with what the others leave of the targets; none where squares
/// overflow.
#[inline(always)]
fn best(product: f64, square: f64, penalty: &Penalty, positive: bool) -> f64 {
    if (positive && product < 0.0) || product.is_nan() {
        return 0.0;
    }
    product.signum() * (product.abs() - penalty.l1).max(0.0) / (square + penalty.l2)
}

/// Leaves out features that have no coefficient at the optimum, and takes it from them.
fn screen(
    problem: &Quadratic,
    penalty: &Penalty,
    gap: &Gap,
    diagonal: &[f64],
    features: &mut Vec<usize>,
    point: &mut Point,
) {
    let (radius, scale) = ((2.0 * gap.value.abs()).sqrt() / penalty.l1, gap.dual_norm.max(penalty.l1));
    // All are judged by the gradient that the gap was computed with.
    let is_out = |j: usize, point: &Point| {
        let gradient = point.gradient[j] - penalty.l2 * point.w[j];
        1.0 - (gradient / scale).abs() > radius * (diagonal[j] + penalty.l2).sqrt()
    };
    let mut out = Vec::new();
    features.retain(|&j| {
        let leaves = is_out(j, point);
        if leaves && point.w[j] != 0.0 {
            out.push(j);
        }
        !leaves
    });
    out.into_iter().for_each(|j| point.set(problem, j, 0.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    /// Rows of two features and a target, and their products.
    fn problem(seed: u32, n: usize) -> (Vec<f64>, Vec<f64>, f64) {
        let mut random = Mt19937::seeded(seed);
        let rows: Vec<Vec<f64>> = (0..50).map(|_| (0..=n).map(|_| random.next_f64() - 0.5).collect()).collect();
        let product = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum::<f64>();
        let squares = (0..n * n).map(|at| product(at / n, at % n)).collect();
        (squares, (0..n).map(|i| product(i, n)).collect(), product(n, n))
    }

    #[test]
    fn the_end_meets_the_conditions_of_an_optimum() {
        for (seed, l1, l2, positive) in
            [(0, 0.5, 0.0, false), (1, 0.2, 0.3, false), (2, 0.1, 0.0, true), (3, 0.0, 0.2, false)]
        {
            for order in [None, Some(7)] {
                let (squares, products, target_square) = problem(seed, 8);
                let problem = Quadratic { squares: &squares, products: &products, target_square };
                let params = Params { max_iter: 1000, tol: 1e-14, positive, seed: order };
                let mut point = Point::at(&problem, vec![0.1; 8]).expect("memory");
                let end = descend(&Context::serial(), &problem, &Penalty { l1, l2 }, &params, &mut point).expect("end");
                assert!(end.gap <= end.allowed && end.n_iter > 0 && end.n_iter < 1000);
                let again = Point::at(&problem, point.w.clone()).expect("memory");
                for j in 0..8 {
                    let gradient = again.gradient[j] - l2 * again.w[j];
                    assert!((gradient - point.gradient[j] + l2 * point.w[j]).abs() < 1e-12);
                    match point.w[j] {
                        0.0 => assert!(gradient <= l1 + 1e-6 && (positive || gradient >= -l1 - 1e-6)),
                        w => assert!((gradient - l1 * w.signum()).abs() < 1e-6 && (w > 0.0 || !positive)),
                    }
                }
            }
        }
    }

    #[test]
    fn an_optimum_takes_no_pass_and_an_empty_feature_no_coefficient() {
        let (squares, products) = ([4.0, 0.0, 0.0, 0.0], [4.0, 0.0]);
        let problem = Quadratic { squares: &squares, products: &products, target_square: 5.0 };
        let params = Params { max_iter: 10, tol: 1e-9, positive: false, seed: None };
        let penalty = Penalty { l1: 1.0, l2: 0.0 };
        let mut point = Point::at(&problem, vec![0.75, 0.0]).expect("memory");
        let end = descend(&Context::serial(), &problem, &penalty, &params, &mut point).expect("end");
        assert_eq!((end.n_iter, &point.w[..]), (0, &[0.75, 0.0][..]));
        let mut point = Point::at(&problem, vec![0.0, 3.0]).expect("memory");
        let end = descend(&Context::serial(), &problem, &penalty, &params, &mut point).expect("end");
        assert_eq!((end.n_iter, &point.w[..]), (2, &[0.75, 0.0][..]));
    }
}
