//! Coordinate descent for several tasks with features in common:
//!
//! `P(W) = 1/2 |Y - X Wᵀ|² + l1 Σⱼ |Wⱼ| + l2/2 |W|²`, where `Wⱼ` are the coefficients of a feature for all tasks.
//!
//! All coefficients of a feature take the values that are best for them at once, and leave together where their length
//! costs more than they gain. Otherwise it goes as with one task, of which it is then nothing else.
//!
//! Reference: N. Simon, J. Friedman, T. Hastie, "A blockwise descent algorithm for group-penalized multiresponse and
//! multinomial regression", 2013; E. Ndiaye et al., "Gap safe screening rules for sparsity enforcing penalties", 2017.

use super::{End, Gap, Params, Penalty, Point, Quadratic, Residuals, VISITS};
use crate::common::error::check_length;
use crate::common::random::OurRandR;
use crate::common::{Context, Result, memory};
use crate::linalg::vectors::add_multiple;

/// Between these, a sum of squares has all its digits.
const MIN_SQUARE: f64 = 1e-280;
const MAX_SQUARE: f64 = 1e280;

/// Least squares for several tasks in products. Coefficients and gradients are of shape (n_tasks, n).
#[derive(Debug, Clone, Copy)]
pub struct Tasks<'a> {
    /// `Q = XᵀX`, symmetric, row-major of shape (n, n).
    pub squares: &'a [f64],
    /// `YᵀX`, row-major of shape (n_tasks, n).
    pub products: &'a [f64],
    /// At least one.
    pub n_tasks: usize,
    /// `|Y|²`.
    pub target_square: f64,
}

impl<'a> Tasks<'a> {
    /// Number of features.
    pub fn n_features(&self) -> usize {
        self.products.len() / self.n_tasks
    }

    /// The problem, if there is one task only.
    fn alone(&self) -> Option<Quadratic<'a>> {
        let &Self { squares, products, target_square, .. } = self;
        (self.n_tasks == 1).then_some(Quadratic { squares, products, target_square })
    }

    fn row(&self, feature: usize) -> &'a [f64] {
        let n = self.n_features();
        &self.squares[feature * n..][..n]
    }

    /// The point with these coefficients.
    ///
    /// # Errors
    /// [`crate::common::Error::Shape`]; [`crate::common::Error::OutOfMemory`].
    pub fn point(&self, w: Vec<f64>) -> Result<Point> {
        if let Some(problem) = self.alone() {
            return Point::at(&problem, w);
        }
        let n = self.n_features();
        check_length("coef", w.len(), self.products.len())?;
        check_length("products", self.squares.len(), memory::checked_len(n, n)?)?;
        let mut gradient = memory::try_copied(self.products)?;
        for (gradient, w) in gradient.chunks_exact_mut(n).zip(w.chunks_exact(n)) {
            for (j, w) in w.iter().enumerate().filter(|(_, w)| **w != 0.0) {
                add_multiple(gradient, -w, self.row(j));
            }
        }
        Ok(Point { w, gradient })
    }

    /// Moves a point towards the optimum.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
    pub fn descend(&self, ctx: &Context, penalty: &Penalty, params: &Params, point: &mut Point) -> Result<End> {
        match self.alone() {
            Some(problem) => super::descend(ctx, &problem, penalty, params, point),
            None => self.descend_together(ctx, penalty, params, point),
        }
    }

    fn descend_together(&self, ctx: &Context, penalty: &Penalty, params: &Params, point: &mut Point) -> Result<End> {
        let n = self.n_features();
        let mut diagonal = memory::try_with_capacity(n)?;
        diagonal.extend((0..n).map(|j| self.row(j)[j]));
        let mut random = params.seed.map(OurRandR::seeded);
        let mut features = memory::try_with_capacity(n)?;
        features.extend((0..n).filter(|&j| penalty.l1 == 0.0 || diagonal[j] != 0.0));
        let mut block = memory::try_filled(self.n_tasks, 0.0)?;
        let allowed = params.tol * self.target_square;
        let mut gap = self.gap(penalty, point)?;
        if gap.value <= allowed {
            return Ok(End { gap: gap.value, allowed, n_iter: 0 });
        }
        if penalty.l1 > 0.0 {
            for j in (0..n).filter(|&j| diagonal[j] == 0.0) {
                point.w.iter_mut().skip(j).step_by(n).for_each(|w| *w = 0.0);
            }
            self.screen(penalty, &gap, &diagonal, &mut features, point)?;
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
                for (task, product) in block.iter_mut().enumerate() {
                    *product = point.gradient[task * n + j] + point.w[task * n + j] * diagonal[j];
                }
                let left = (1.0 - penalty.l1 / length(block.iter().copied())).max(0.0) / (diagonal[j] + penalty.l2);
                for (task, product) in block.iter().enumerate() {
                    // Where squares overflow there is no coefficient.
                    let value = if product.is_nan() { 0.0 } else { product * left };
                    let before = point.w[task * n + j];
                    self.set(point, task, j, value);
                    largest_change = f64::max(largest_change, (value - before).abs());
                    largest = f64::max(largest, value.abs());
                }
            }
            if largest == 0.0 || largest_change / largest <= params.tol || n_iter == params.max_iter {
                gap = self.gap(penalty, point)?;
                if gap.value <= allowed {
                    return Ok(End { gap: gap.value, allowed, n_iter });
                }
                if penalty.l1 > 0.0 {
                    self.screen(penalty, &gap, &diagonal, &mut features, point)?;
                }
            }
        }
        Ok(End { gap: gap.value, allowed, n_iter: params.max_iter })
    }

    /// Gives a feature another coefficient for a task.
    #[inline]
    fn set(&self, point: &mut Point, task: usize, feature: usize, value: f64) {
        let n = self.n_features();
        let change = value - point.w[task * n + feature];
        if change != 0.0 {
            point.w[task * n + feature] = value;
            add_multiple(&mut point.gradient[task * n..][..n], -change, self.row(feature));
        }
    }

    /// The gap at a point.
    fn gap(&self, penalty: &Penalty, point: &Point) -> Result<Gap> {
        let (mut with_products, mut with_gradient) = (0.0, 0.0);
        let pairs = point.w.iter().zip(self.products.iter().zip(&point.gradient));
        for (w, (product, gradient)) in pairs.filter(|(w, _)| **w != 0.0) {
            with_products += w * product;
            with_gradient += w * gradient;
        }
        let with_target = self.target_square - with_products;
        let residuals = Residuals { square: with_target - with_gradient, with_target };
        Gap::of_tasks(residuals, penalty, self.n_tasks, point)
    }

    /// Leaves out features that have no coefficient at the optimum, and takes it from them.
    fn screen(
        &self,
        penalty: &Penalty,
        gap: &Gap,
        diagonal: &[f64],
        features: &mut Vec<usize>,
        point: &mut Point,
    ) -> Result<()> {
        let (radius, scale) = ((2.0 * gap.value.abs()).sqrt() / penalty.l1, gap.dual_norm.max(penalty.l1));
        let gradient_norms = gradient_norms(penalty, self.n_tasks, point)?;
        let stays = |j: usize| 1.0 - gradient_norms[j] / scale <= radius * (diagonal[j] + penalty.l2).sqrt();
        for &j in features.iter().filter(|&&j| !stays(j)) {
            (0..self.n_tasks).for_each(|task| self.set(point, task, j, 0.0));
        }
        features.retain(|&j| stays(j));
        Ok(())
    }
}

/// The lengths of the gradients of each feature for all tasks, shape (n,).
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`].
pub fn gradient_norms(penalty: &Penalty, n_tasks: usize, point: &Point) -> Result<Vec<f64>> {
    let n = point.w.len() / n_tasks;
    let gradient = |at: usize| point.gradient[at] - penalty.l2 * point.w[at];
    let mut lengths = memory::try_with_capacity(n)?;
    lengths.extend((0..n).map(|j| length((0..n_tasks).map(|task| gradient(task * n + j)))));
    Ok(lengths)
}

/// The length of a vector, also where its square overflows or vanishes.
pub(super) fn length(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let square: f64 = values.clone().map(|value| value * value).sum();
    if (MIN_SQUARE..MAX_SQUARE).contains(&square) {
        return square.sqrt();
    }
    let largest = values.clone().fold(0.0, |largest, value| f64::max(largest, value.abs()));
    if largest == 0.0 || largest.is_infinite() {
        return largest;
    }
    largest * values.map(|value| (value / largest).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    /// Products of eight features and three targets over fifty rows.
    fn products(seed: u32) -> (Vec<f64>, Vec<f64>, f64) {
        let mut random = Mt19937::seeded(seed);
        let rows: Vec<Vec<f64>> = (0..50).map(|_| (0..11).map(|_| random.next_f64() - 0.5).collect()).collect();
        let product = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum::<f64>();
        let squares = (0..64).map(|at| product(at / 8, at % 8)).collect();
        let with_targets = (0..24).map(|at| product(8 + at / 8, at % 8)).collect();
        (squares, with_targets, (8..11).map(|task| product(task, task)).sum())
    }

    #[test]
    fn the_end_meets_the_conditions_of_an_optimum() {
        for (seed, l1, l2) in [(0, 0.7, 0.0), (1, 0.3, 0.3), (2, 0.0, 0.2), (3, 0.0, 0.0)] {
            for order in [None, Some(7)] {
                let (squares, products, target_square) = products(seed);
                let problem = Tasks { squares: &squares, products: &products, n_tasks: 3, target_square };
                let params = Params { max_iter: 2000, tol: 1e-13, positive: false, seed: order };
                let penalty = Penalty { l1, l2 };
                let mut point = problem.point(vec![0.1; 24]).expect("memory");
                let end = problem.descend(&Context::serial(), &penalty, &params, &mut point).expect("end");
                assert!(end.gap <= end.allowed && end.n_iter > 0 && end.n_iter < 2000);
                let again = problem.point(point.w.clone()).expect("memory");
                let lengths = gradient_norms(&penalty, 3, &again).expect("memory");
                for j in 0..8 {
                    let w: Vec<f64> = (0..3).map(|task| point.w[task * 8 + j]).collect();
                    let length = w.iter().map(|w| w * w).sum::<f64>().sqrt();
                    if length == 0.0 {
                        assert!(lengths[j] <= l1 + 1e-6);
                        continue;
                    }
                    for (task, w) in w.iter().enumerate() {
                        let gradient = again.gradient[task * 8 + j] - l2 * w;
                        assert!((gradient - l1 * w / length).abs() < 1e-6);
                    }
                }
            }
        }
    }

    #[test]
    fn lengths_neither_overflow_nor_vanish() {
        for scale in [1e-200, 1.0, 1e200] {
            let found = length([3.0 * scale, -4.0 * scale].into_iter());
            assert!((found / scale - 5.0).abs() < 1e-14);
        }
        assert_eq!(length([0.0, 0.0].into_iter()), 0.0);
        assert!(length([f64::INFINITY, 1.0].into_iter()).is_infinite());
    }

    #[test]
    fn equal_tasks_divide_the_penalty_of_one() {
        let (squares, products, target_square) = products(4);
        let one = Tasks { squares: &squares, products: &products[..8], n_tasks: 1, target_square };
        let twice = [&products[..8], &products[..8]].concat();
        let two = Tasks { squares: &squares, products: &twice, n_tasks: 2, target_square: 2.0 * target_square };
        let params = Params { max_iter: 1000, tol: 1e-13, positive: false, seed: None };
        let mut points = Vec::new();
        for (problem, l1) in [(one, 0.3), (two, 0.3 * 2.0_f64.sqrt())] {
            let mut point = problem.point(vec![0.0; problem.products.len()]).expect("memory");
            problem.descend(&Context::serial(), &Penalty { l1, l2: 0.1 }, &params, &mut point).expect("end");
            points.push(point);
        }
        for j in 0..8 {
            assert!((points[0].w[j] - points[1].w[j]).abs() < 1e-7);
            assert!((points[1].w[j + 8] - points[1].w[j]).abs() < 1e-14);
        }
    }
}
