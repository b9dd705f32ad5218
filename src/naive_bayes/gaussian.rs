//! Gaussian naive Bayes: in each class each feature is normal by itself.
//!
//! A fit is one pass. The rows are cut into leaves, so many rows each as the shape says; a leaf gives count, mean and sum
//! of squared deviations of each class and feature, in two walks while it lies in the cache, and two neighbours in the
//! binary tree over the leaves are merged as soon as both are there. So neither the threads nor what they took in turn
//! can change a bit, and a single leaf is summed as NumPy sums the rows of a class.
//!
//! A prediction sums `(x - mean)² / variance` over the features in NumPy's order, rounding as it does.
//!
//! Reference: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances,
//! Stanford STAN-CS-79-773 (1979).

use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::elementary::exp;
use crate::common::error::check_length;
use crate::common::simd::{Loops, compiled};
use crate::common::{Context, Error, Float, Result, memory, pairwise, parallel};
use crate::linalg::{Dense, Rows};

/// Values of a leaf: they stay in the second cache between its two walks.
const LEAF_VALUES: usize = 1 << 14;
/// Rows of a leaf, whatever their width, and for each class, so that sums are few beside rows.
const MIN_LEAF_ROWS: usize = 128;
const LEAF_ROWS_PER_CLASS: usize = 8;
/// Rows that are predicted between looks at whether to go on: there may be many classes.
const ROWS_BETWEEN_CHECKS: usize = 64;
/// Jobs that a fit is cut into: each takes an aligned run of leaves.
const MAX_RUNS: usize = 64;

/// Moments of the rows of each class.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Sums of weights, or numbers of rows, shape `(n_classes,)`.
    pub counts: Vec<f64>,
    /// Row-major, shape `(n_classes, n_features)`; zero for a class without rows, as `squares`.
    pub means: Vec<f64>,
    /// Sums of squared deviations from the means, of the same shape.
    pub squares: Vec<f64>,
}

/// Result of [`fit`].
#[derive(Debug)]
pub struct Fit {
    /// Sums of weights, or numbers of rows, shape `(n_classes,)`.
    pub counts: Vec<f64>,
    /// Row-major, shape `(n_classes, n_features)`; zero for a class without weight, as `variances`.
    pub means: Vec<f64>,
    /// Of the same shape.
    pub variances: Vec<f64>,
    /// The largest variance of a feature in all rows, whatever their weights and classes.
    pub max_variance: f64,
}

/// Moments of the classes of `x`. `labels` are below `n_classes`, one per row; `weights`, one per row, are not negative.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Interrupted`]; [`Error::InvalidArgument`] for a label that is no
/// class and a negative weight. Sums may overflow.
pub fn fit<F: Float>(
    ctx: &Context,
    x: &Dense<F>,
    labels: &[i64],
    weights: Option<&[F]>,
    n_classes: usize,
) -> Result<Fit> {
    check_length("y", labels.len(), x.n_rows())?;
    check_length("sample_weight", weights.map_or(x.n_rows(), <[F]>::len), x.n_rows())?;
    if x.n_rows() == 0 || x.n_cols() == 0 {
        return Err(Error::InvalidArgument("there are no rows or no features"));
    }
    let is_class = |&label: &i64| usize::try_from(label).is_ok_and(|class| class < n_classes);
    if !labels.iter().all(is_class) {
        return Err(Error::InvalidArgument("a label is out of range"));
    }
    if weights.is_some_and(|weights| !weights.iter().all(|&weight| weight >= F::ZERO)) {
        return Err(Error::InvalidArgument("a weight is negative"));
    }
    let n_features = x.n_cols();
    let rows = (LEAF_VALUES / n_features).max(MIN_LEAF_ROWS).max(LEAF_ROWS_PER_CLASS * n_classes);
    let data = Data { x, labels, n_classes, leaves: Blocks::new(x.n_rows(), rows.next_power_of_two(), usize::MAX) };
    let plain = data.moments(ctx, None)?;
    let max_variance = plain.max_variance(n_features)?;
    let moments = if weights.is_some() { data.moments(ctx, weights)? } else { plain };
    let Moments { counts, means, squares: mut variances } = moments;
    for (variances, &count) in variances.chunks_exact_mut(n_features).zip(&counts) {
        variances.iter_mut().filter(|_| count > 0.0).for_each(|variance| *variance /= count);
    }
    Ok(Fit { counts, means, variances, max_variance })
}

impl Moments {
    fn new(n_classes: usize, n_features: usize) -> Result<Self> {
        let len = memory::checked_len(n_classes, n_features)?;
        Ok(Self {
            counts: memory::try_filled(n_classes, 0.0)?,
            means: memory::try_filled(len, 0.0)?,
            squares: memory::try_filled(len, 0.0)?,
        })
    }

    /// Takes in the moments of other rows.
    fn merge(&mut self, other: &Self) {
        let n_features = self.means.len() / self.counts.len();
        for class in 0..self.counts.len() {
            let range = class * n_features..(class + 1) * n_features;
            let (own, new) = (self.counts[class], other.counts[class]);
            if new == 0.0 {
                continue;
            }
            let total = own + new;
            self.counts[class] = total;
            let (means, squares) = (&mut self.means[range.clone()], &mut self.squares[range.clone()]);
            let (new_means, new_squares) = (&other.means[range.clone()], &other.squares[range]);
            let (fraction, both) = (new / total, own * (new / total));
            for feature in 0..n_features {
                let apart = new_means[feature] - means[feature];
                means[feature] += apart * fraction;
                squares[feature] += new_squares[feature] + apart * apart * both;
            }
        }
    }

    /// The largest variance of a feature over the rows of all classes.
    fn max_variance(&self, n_features: usize) -> Result<f64> {
        let mut all = Self::new(1, n_features)?;
        for (class, &count) in self.counts.iter().enumerate() {
            let range = class * n_features..(class + 1) * n_features;
            all.merge(&Self {
                counts: vec![count],
                means: memory::try_copied(&self.means[range.clone()])?,
                squares: memory::try_copied(&self.squares[range])?,
            });
        }
        let largest = all.squares.iter().copied().fold(0.0, |a: f64, b| if b > a || b.is_nan() { b } else { a });
        Ok(largest / all.counts[0])
    }
}

/// Rows with their classes, and the leaves that they are cut into.
struct Data<'a, F: Clone> {
    x: &'a Dense<'a, F>,
    labels: &'a [i64],
    n_classes: usize,
    leaves: Blocks,
}

impl<F: Float> Data<'_, F> {
    fn moments(&self, ctx: &Context, weights: Option<&[F]>) -> Result<Moments> {
        let n_leaves = self.leaves.count();
        let run = n_leaves.div_ceil(MAX_RUNS).next_power_of_two();
        let runs: Vec<_> = (0..n_leaves).step_by(run).map(|start| start..(start + run).min(n_leaves)).collect();
        let parts = parallel::map(ctx, runs, |run| folded(run, &mut |leaf| self.leaf(ctx, leaf, weights)))?;
        let mut parts = parts.into_iter().map(Ok);
        folded(0..parts.len(), &mut |_| parts.next().unwrap_or(Err(Error::Interrupted)))
    }

    /// Moments of one leaf, in two walks over its rows.
    fn leaf(&self, ctx: &Context, leaf: usize, weights: Option<&[F]>) -> Result<Moments> {
        ctx.check()?;
        let start = leaf * self.leaves.rows();
        let rows = start..(start + self.leaves.rows()).min(self.x.n_rows());
        let mut found = Moments::new(self.n_classes, self.x.n_cols())?;
        compiled(Walks { data: self, rows, weights, found: &mut found });
        Ok(found)
    }
}

/// Merges what `of` gives for a range of nodes, siblings of the binary tree over their numbers first. It is called in order.
fn folded(nodes: Range<usize>, of: &mut impl FnMut(usize) -> Result<Moments>) -> Result<Moments> {
    if nodes.len() == 1 {
        return of(nodes.start);
    }
    let half = nodes.len().next_power_of_two() / 2;
    let mut left = folded(nodes.start..nodes.start + half, of)?;
    left.merge(&folded(nodes.start + half..nodes.end, of)?);
    Ok(left)
}

struct Walks<'k, 'a, F: Clone> {
    data: &'k Data<'a, F>,
    rows: Range<usize>,
    weights: Option<&'k [F]>,
    found: &'k mut Moments,
}

impl<F: Float> Loops for Walks<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { data, rows, weights, found } = self;
        let n_features = data.x.n_cols();
        let weight_of = |row: usize| weights.map_or(1.0, |weights| weights[row].to_f64());
        for row in rows.clone() {
            let (class, weight) = (data.labels[row] as usize, weight_of(row));
            let sums = &mut found.means[class * n_features..(class + 1) * n_features];
            found.counts[class] += weight;
            for (sum, value) in sums.iter_mut().zip(data.x.values_of(row)) {
                *sum += value.to_f64() * weight;
            }
        }
        for (means, &count) in found.means.chunks_exact_mut(n_features).zip(&found.counts) {
            means.iter_mut().filter(|_| count > 0.0).for_each(|mean| *mean /= count);
        }
        for row in rows {
            let (class, weight) = (data.labels[row] as usize, weight_of(row));
            let range = class * n_features..(class + 1) * n_features;
            let (means, squares) = (&found.means[range.clone()], &mut found.squares[range]);
            for ((square, mean), value) in squares.iter_mut().zip(means).zip(data.x.values_of(row)) {
                let apart = value.to_f64() - mean;
                *square += apart * apart * weight;
            }
        }
    }
}

/// What predicts: matrices are row-major, shape `(n_classes, n_features)`, vectors have one entry per class.
#[derive(Debug)]
pub struct Model<'a, F> {
    means: &'a [F],
    variances: &'a [F],
    log_priors: Vec<F>,
    /// Logarithm of the density at the mean.
    log_peaks: Vec<F>,
}

impl<'a, F: Float> Model<'a, F> {
    /// `None` where a logarithm is not finite, but for that of a prior of zero.
    pub fn new(means: &'a [F], variances: &'a [F], priors: &[F]) -> Option<Self> {
        let n_features = means.len().checked_div(priors.len())?;
        if n_features == 0 || means.len() != priors.len() * n_features || variances.len() != means.len() {
            return None;
        }
        let tau = F::from_f64(std::f64::consts::TAU);
        let mut terms = vec![F::ZERO; n_features];
        let mut peak = |variances: &[F]| {
            terms.iter_mut().zip(variances).for_each(|(term, &variance)| *term = (tau * variance).ln());
            F::from_f64(-0.5) * pairwise::sum(&terms)
        };
        let log_peaks: Vec<F> = variances.chunks_exact(n_features).map(&mut peak).collect();
        let log_priors: Vec<F> = priors.iter().map(|&prior| prior.ln()).collect();
        let is_sound = log_peaks.iter().all(|peak| peak.is_finite())
            && variances.iter().all(|variance| variance.is_finite())
            && priors.iter().all(|&prior| prior >= F::ZERO && prior.is_finite());
        is_sound.then_some(Self { means, variances, log_priors, log_peaks })
    }

    fn n_classes(&self) -> usize {
        self.log_priors.len()
    }

    /// Joint log probabilities of one row, into `out` of shape `(n_classes,)`. `terms` is of shape `(n_features,)`.
    #[inline(always)]
    fn joint(&self, row: &[F], terms: &mut [F], out: &mut [F]) {
        let n_features = row.len();
        let terms = &mut terms[..n_features];
        for (class, out) in out.iter_mut().enumerate() {
            let means = &self.means[class * n_features..][..n_features];
            let variances = &self.variances[class * n_features..][..n_features];
            for feature in 0..n_features {
                let apart = row[feature] - means[feature];
                terms[feature] = apart * apart / variances[feature];
            }
            let density = self.log_peaks[class] - F::from_f64(0.5) * pairwise::sum(terms);
            *out = self.log_priors[class] + density;
        }
    }
}

/// What is computed of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Logarithms of the probabilities of row and class.
    Joint,
    /// Logarithms of the probabilities of the class.
    Log,
    /// Probabilities of the class.
    Plain,
}

/// The most probable class of each row of `x`, the first of equally probable ones.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Interrupted`], [`Error::InvalidArgument`] for a row that is too far
/// from all classes.
pub fn classify<F: Float>(ctx: &Context, x: &Dense<F>, model: &Model<F>) -> Result<Vec<i64>> {
    let mut classes = memory::try_filled(x.n_rows(), 0)?;
    each_row(ctx, x, model, &mut classes, 1, |joint, class| class[0] = highest(joint).0 as i64)?;
    Ok(classes)
}

/// Probabilities of the classes for each row of `x`, row-major, shape `(n_rows, n_classes)`.
///
/// # Errors
/// As [`classify`].
pub fn probabilities<F: Float>(ctx: &Context, x: &Dense<F>, model: &Model<F>, scale: Scale) -> Result<Vec<F>> {
    let n_classes = model.n_classes();
    let mut out = memory::try_filled(memory::checked_len(x.n_rows(), n_classes)?, F::ZERO)?;
    each_row(ctx, x, model, &mut out, n_classes, |joint, out| {
        let total = if scale == Scale::Joint { F::ZERO } else { log_sum_exp(joint) };
        for (out, &joint) in out.iter_mut().zip(joint) {
            let log = joint - total;
            *out = if scale == Scale::Plain { F::from_f64(exp(log.to_f64())) } else { log };
        }
    })?;
    Ok(out)
}

/// Position and value of the first maximum.
#[inline(always)]
fn highest<F: Float>(values: &[F]) -> (usize, F) {
    let mut best = (0, values[0]);
    for (position, &value) in values.iter().enumerate().skip(1) {
        if value > best.1 {
            best = (position, value);
        }
    }
    best
}

/// The maxima apart from the others, as scikit-learn has it: what they add is small and keeps all its digits.
#[inline(always)]
fn log_sum_exp<F: Float>(values: &[F]) -> F {
    let (_, most) = highest(values);
    let (mut equals, mut sum) = (0.0, 0.0);
    for &value in values {
        if value == most {
            equals += 1.0;
        } else {
            sum += exp((value - most).to_f64());
        }
    }
    F::from_f64((sum / equals).ln_1p() + f64::ln(equals) + most.to_f64())
}

/// Hands the joint log probabilities of each row to `take`, with its `width` entries of `out`.
fn each_row<F: Float, T: Send>(
    ctx: &Context,
    x: &Dense<F>,
    model: &Model<F>,
    out: &mut [T],
    width: usize,
    take: impl Fn(&[F], &mut [T]) + Sync,
) -> Result<()> {
    check_length("means", model.means.len(), model.n_classes() * x.n_cols())?;
    let blocks = Blocks::new(x.n_rows(), 256, 256);
    let jobs: Vec<_> = blocks.ranges().zip(out.chunks_mut(blocks.rows() * width)).collect();
    let scratch = || Ok((memory::try_filled(x.n_cols(), F::ZERO)?, memory::try_filled(model.n_classes(), F::ZERO)?));
    parallel::map_with(ctx, jobs, scratch, |(terms, joint), (rows, out)| {
        compiled(Scores { ctx, x, model, rows, terms, joint, out, width, take: &take })
    })?;
    Ok(())
}

struct Scores<'k, 'd, F: Clone, T, C> {
    ctx: &'k Context<'k>,
    x: &'k Dense<'d, F>,
    model: &'k Model<'k, F>,
    rows: Range<usize>,
    terms: &'k mut [F],
    joint: &'k mut [F],
    out: &'k mut [T],
    width: usize,
    take: &'k C,
}

impl<F: Float, T, C: Fn(&[F], &mut [T])> Loops for Scores<'_, '_, F, T, C> {
    type Output = Result<()>;

    #[inline(always)]
    fn run(self) -> Result<()> {
        for (position, (row, out)) in self.rows.zip(self.out.chunks_exact_mut(self.width)).enumerate() {
            if position.is_multiple_of(ROWS_BETWEEN_CHECKS) {
                self.ctx.check()?;
            }
            self.model.joint(self.x.values_of(row), self.terms, self.joint);
            if !highest(self.joint).1.is_finite() || self.joint.iter().any(|value| value.is_nan()) {
                return Err(Error::InvalidArgument("a row is too far from all classes"));
            }
            (self.take)(self.joint, out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    fn noise(len: usize) -> Vec<f64> {
        let mut random = Mt19937::seeded(7);
        (0..len).map(|_| random.next_f64() * 8.0 - 4.0).collect()
    }

    #[test]
    fn moments_are_those_of_the_definition() {
        let (n_rows, n_features, n_classes) = (5_000, 3, 4);
        let values = noise(n_rows * n_features);
        let labels: Vec<i64> = (0..n_rows as i64).map(|row| row * row % 3).collect(); // never 2
        let weights: Vec<f64> = (0..n_rows).map(|row| (row % 5) as f64).collect();
        let x = Dense::new(&values, n_rows, n_features).unwrap();
        for given in [None, Some(&weights[..])] {
            let found = fit(&Context::serial(), &x, &labels, given, n_classes).unwrap();
            for class in 0..n_classes {
                let rows: Vec<usize> = (0..n_rows).filter(|&row| labels[row] == class as i64).collect();
                let weight = |row: usize| given.map_or(1.0, |weights| weights[row]);
                let count: f64 = rows.iter().map(|&row| weight(row)).sum();
                assert_eq!(found.counts[class], count);
                for feature in 0..n_features {
                    let value = |row: usize| values[row * n_features + feature];
                    let mean = rows.iter().map(|&row| weight(row) * value(row)).sum::<f64>() / count.max(1.0);
                    let square = |row: usize| weight(row) * (value(row) - mean) * (value(row) - mean);
                    let variance = rows.iter().map(|&row| square(row)).sum::<f64>() / count.max(1.0);
                    let at = class * n_features + feature;
                    assert!((found.means[at] - mean).abs() < 1e-13, "{class} {feature}");
                    assert!((found.variances[at] - variance).abs() < 1e-12, "{class} {feature}");
                }
            }
        }
    }

    #[test]
    fn runs_of_leaves_make_the_same_tree() {
        let list = |run: usize, n: usize| {
            let mut seen = Vec::new();
            let part = |range: Range<usize>| {
                folded(range, &mut |leaf| {
                    Ok(Moments { counts: vec![1.0], means: vec![1.0 / (leaf + 1) as f64], squares: vec![0.0] })
                })
            };
            let mut parts = (0..n).step_by(run).map(|start| part(start..(start + run).min(n)));
            let count = n.div_ceil(run);
            let all = folded(0..count, &mut |node| {
                seen.push(node);
                parts.next().unwrap()
            });
            assert_eq!(seen, (0..count).collect::<Vec<_>>());
            all.unwrap().squares[0].to_bits()
        };
        for n in 1..70 {
            assert!([2, 4, 8, 64].iter().all(|&run| list(run, n) == list(1, n)), "{n}");
        }
    }

    #[test]
    fn what_is_no_class_or_weight_is_refused() {
        let x = Dense::new(&[1.0, 2.0, 3.0], 3, 1).unwrap();
        for labels in [[0, 1, 2], [0, -1, 1]] {
            assert!(fit(&Context::serial(), &x, &labels, None, 2).is_err());
        }
        assert!(fit(&Context::serial(), &x, &[0, 1], None, 2).is_err());
        assert!(fit(&Context::serial(), &x, &[0, 1, 1], Some(&[1.0, -1.0, 1.0]), 2).is_err());
        let far = Dense::new(&[1e300, -1e300], 2, 1).unwrap();
        assert_eq!(fit(&Context::serial(), &far, &[0, 0], None, 1).unwrap().variances, [f64::INFINITY]);
    }

    #[test]
    fn probabilities_sum_to_one_and_the_first_of_equals_is_taken() {
        let (means, variances) = ([0.0, 0.0, 2.0, 2.0, 0.0, 0.0], [1.0; 6]);
        let model = Model::new(&means, &variances, &[0.25, 0.5, 0.25]).unwrap();
        let values = [0.0, 0.0, 2.0, 2.0, -1.0, 0.5];
        let x = Dense::new(&values, 3, 2).unwrap();
        assert_eq!(classify(&Context::serial(), &x, &model).unwrap(), [0, 1, 0]);
        let plain = probabilities(&Context::serial(), &x, &model, Scale::Plain).unwrap();
        for (row, own) in plain.chunks_exact(3).enumerate() {
            assert!((own.iter().sum::<f64>() - 1.0).abs() < 1e-15, "{row}");
            assert_eq!(own[0], own[2]);
        }
        let joint = probabilities(&Context::serial(), &x, &model, Scale::Joint).unwrap();
        let at_mean = 0.5f64.ln() - std::f64::consts::TAU.ln();
        assert!((joint[4] - at_mean).abs() < 1e-15);
        let far = Dense::new(&[1e200, 0.0], 1, 2).unwrap();
        assert!(classify(&Context::serial(), &far, &model).is_err());
        assert!(Model::new(&means, &[0.0; 6], &[0.25, 0.5, 0.25]).is_none());
        assert!(Model::new(&means, &variances, &[0.0, 0.5, 0.5]).is_some());
    }
}
