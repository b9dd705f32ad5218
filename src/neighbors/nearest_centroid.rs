//! Nearest centroid: each class is the mean (or the median) of its rows, a row belongs to the class that is closest.
//!
//! Fitting goes feature by feature, because a median needs all values of a feature at once, and because threads that
//! take features leave the order of every sum alone: the sums are NumPy's, row after row.
//!
//! Reference: Tibshirani, Hastie, Narasimhan and Chu, Diagnosis of multiple cancer types by shrunken centroids of gene
//! expression, PNAS 99 (2002).

use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::{Norm, Panels, Rows, Scratch};

/// Rows whose distances are computed before they are looked at: small enough for the first cache.
const STRIPE: usize = 48;

/// Which distance, and with it which centre of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Means.
    Euclidean,
    /// Medians.
    Manhattan,
}

/// Parameters of [`fit`].
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// Labels are below it.
    pub n_classes: usize,
    /// The distance.
    pub metric: Metric,
    /// Whether means are sums of values that were divided before, as SciPy takes them of sparse matrices. It decides
    /// whether the mean of equal values is that value.
    pub divides_first: bool,
}

/// Result of [`fit`], each of length `n_features` unless stated.
#[derive(Debug)]
pub struct Fit {
    /// Centres of the classes, row-major, shape `(n_classes, n_features)`.
    pub centroids: Vec<f64>,
    /// Sums of the squared differences between the rows and the centres of their classes.
    pub scatter: Vec<f64>,
    /// Means of all rows.
    pub means: Vec<f64>,
    /// Whether all rows are equal.
    pub is_constant: bool,
}

/// The rows by class: `order` lists them class by class, each class in the order of its rows, and class `c` is
/// `order[starts[c]..starts[c + 1]]`.
struct Classes<'a> {
    labels: &'a [i64],
    order: Vec<usize>,
    starts: Vec<usize>,
}

impl<'a> Classes<'a> {
    fn new(labels: &'a [i64], n_classes: usize) -> Result<Self> {
        let mut starts = memory::try_filled(n_classes + 1, 0)?;
        for &label in labels {
            let class = usize::try_from(label).ok().filter(|&class| class < n_classes);
            starts[class.ok_or(Error::InvalidArgument("a label is out of range"))? + 1] += 1;
        }
        for class in 0..n_classes {
            starts[class + 1] += starts[class];
        }
        let mut next = memory::try_copied(&starts)?;
        let mut order = memory::try_filled(labels.len(), 0)?;
        for (row, &label) in labels.iter().enumerate() {
            let at = &mut next[label as usize];
            order[*at] = row;
            *at += 1;
        }
        if starts.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::InvalidArgument("a class has no rows"));
        }
        Ok(Self { labels, order, starts })
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }
}

/// Centres of the classes of `features`, which is the samples transposed: shape `(n_features, n_samples)`. `labels` has
/// one class per sample, and every class occurs.
///
/// # Errors
/// [`Error::Shape`], [`Error::InvalidArgument`] for labels that are no such classes, [`Error::OutOfMemory`],
/// [`Error::Interrupted`].
pub fn fit<F: Float, R: Rows<F>>(ctx: &Context, features: &R, labels: &[i64], params: &Params) -> Result<Fit> {
    check_length("y", labels.len(), features.n_cols())?;
    let (n_features, n_samples, n_classes) = (features.n_rows(), labels.len(), params.n_classes);
    let classes = Classes::new(labels, n_classes)?;
    let blocks = Blocks::new(n_features, 1, 64);
    let scratch = || Ok((memory::try_filled(n_samples, F::ZERO)?, memory::try_filled(n_samples, F::ZERO)?));
    let parts =
        parallel::map_with(ctx, blocks.ranges().collect(), scratch, |(values, sorted), range: Range<usize>| {
            let mut part = memory::try_with_capacity(range.len())?;
            for feature in range {
                ctx.check()?;
                features.write_row(feature, values);
                part.push(fit_feature(values, sorted, &classes, params)?);
            }
            Ok(part)
        })?;

    let mut fit = Fit {
        centroids: memory::try_filled(memory::checked_len(n_classes, n_features)?, 0.0)?,
        scatter: memory::try_with_capacity(n_features)?,
        means: memory::try_with_capacity(n_features)?,
        is_constant: true,
    };
    for (feature, part) in parts.into_iter().flatten().enumerate() {
        for (class, center) in part.centers.into_iter().enumerate() {
            fit.centroids[class * n_features + feature] = center;
        }
        fit.scatter.push(part.scatter);
        fit.means.push(part.mean);
        fit.is_constant &= part.is_constant;
    }
    Ok(fit)
}

/// [`Fit`] of one feature; `centers` has one entry per class.
struct FeatureFit {
    centers: Vec<f64>,
    scatter: f64,
    mean: f64,
    is_constant: bool,
}

fn fit_feature<F: Float>(values: &[F], sorted: &mut [F], classes: &Classes, params: &Params) -> Result<FeatureFit> {
    sorted.iter_mut().zip(&classes.order).for_each(|(value, &row)| *value = values[row]);
    let mut centers = memory::try_with_capacity(classes.count())?;
    for bounds in classes.starts.windows(2) {
        let own = &mut sorted[bounds[0]..bounds[1]];
        centers.push(match params.metric {
            Metric::Euclidean => mean(own, params.divides_first).to_f64(),
            Metric::Manhattan => median(own).to_f64(),
        });
    }
    let square = |(value, &label): (&F, &i64)| {
        let difference = value.to_f64() - centers[label as usize];
        difference * difference
    };
    let scatter = values.iter().zip(classes.labels).map(square).sum();
    let is_constant = values.iter().all(|value| *value == values[0]);
    Ok(FeatureFit { scatter, mean: mean(values, params.divides_first).to_f64(), is_constant, centers })
}

fn mean<F: Float>(values: &[F], divides_first: bool) -> F {
    if divides_first {
        let fraction = F::from_f64(1.0 / values.len() as f64);
        return values.iter().map(|&value| value * fraction).sum();
    }
    values.iter().copied().sum::<F>() / F::from_usize(values.len())
}

/// The middle value, or the mean of the two middle ones; `values` is not empty and gets another order.
fn median<F: Float>(values: &mut [F]) -> F {
    let half = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    let by_size = |a: &F, b: &F| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
    let (below, &mut upper, _) = values.select_nth_unstable_by(half, by_size);
    match below.iter().copied().max_by(by_size) {
        Some(lower) if is_even => (lower + upper) / (F::ONE + F::ONE),
        _ => upper,
    }
}

/// The centroid closest to each row of `x`, the first of equally close ones; `centroids` are row-major, shape
/// `(n_classes, n_features)`.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn nearest<F: Float, R: Rows<F>>(ctx: &Context, x: &R, centroids: &[f64], metric: Metric) -> Result<Vec<i64>> {
    let mut labels = memory::try_filled(x.n_rows(), 0)?;
    let reach = Reach::new(x, centroids, metric)?;
    let least = |own: &[f64], label: &mut [i64]| {
        let mut best = f64::INFINITY;
        for (class, &distance) in own.iter().enumerate() {
            if distance < best {
                (best, label[0]) = (distance, class as i64);
            }
        }
    };
    reach.each_row(ctx, x, &mut labels, 1, least)?;
    Ok(labels)
}

/// Discriminant scores `2 ln(prior) - d²` of each row of `x` and each class, row-major, shape `(n_rows, n_classes)`;
/// `log_priors` has one entry per class.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn scores<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    centroids: &[f64],
    log_priors: &[f64],
    metric: Metric,
) -> Result<Vec<f64>> {
    let reach = Reach::new(x, centroids, metric)?;
    check_length("priors", log_priors.len(), reach.n_classes)?;
    let mut out = memory::try_filled(memory::checked_len(x.n_rows(), reach.n_classes)?, 0.0)?;
    let score = |own: &[f64], out: &mut [f64]| {
        for (class, &distance) in own.iter().enumerate() {
            let square = if metric == Metric::Euclidean { distance } else { distance * distance };
            out[class] = 2.0 * log_priors[class] - square;
        }
    };
    reach.each_row(ctx, x, &mut out, reach.n_classes, score)?;
    Ok(out)
}

/// Distances from rows to the centroids: squared for [`Metric::Euclidean`].
struct Reach {
    metric: Metric,
    n_classes: usize,
    /// For [`Metric::Euclidean`].
    panels: Panels<f64>,
    /// For [`Metric::Manhattan`]: centroids column by column, shape `(n_features, n_classes)`.
    columns: Vec<f64>,
}

impl Reach {
    fn new<F: Float, R: Rows<F>>(x: &R, centroids: &[f64], metric: Metric) -> Result<Self> {
        let n_cols = x.n_cols();
        check_length("centroids", centroids.len() % n_cols, 0)?;
        let n_classes = centroids.len() / n_cols;
        let mut columns = memory::try_with_capacity(centroids.len())?;
        for column in 0..n_cols {
            columns.extend((0..n_classes).map(|class| centroids[class * n_cols + column]));
        }
        Ok(Self { metric, n_classes, panels: x.pack(centroids)?, columns })
    }

    /// Hands each row's distances to `take`, with its `width` entries of `out`.
    fn each_row<F: Float, R: Rows<F>, T: Send>(
        &self,
        ctx: &Context,
        x: &R,
        out: &mut [T],
        width: usize,
        take: impl Fn(&[f64], &mut [T]) + Sync,
    ) -> Result<()> {
        let n_classes = self.n_classes;
        let blocks = Blocks::new(x.n_rows(), 4 * STRIPE, 256);
        let jobs: Vec<_> = blocks.ranges().zip(out.chunks_mut(blocks.rows() * width)).collect();
        let scratch = || {
            let by_class = memory::try_filled(memory::checked_len(STRIPE, n_classes)?, 0.0)?;
            Ok((
                Scratch::default(),
                by_class,
                memory::try_filled(x.n_cols(), F::ZERO)?,
                memory::try_filled(n_classes, 0.0)?,
            ))
        };
        parallel::map_with(ctx, jobs, scratch, |(scratch, by_class, row, own), (range, out)| {
            for (start, out) in range.clone().step_by(STRIPE).zip(out.chunks_mut(STRIPE * width)) {
                let rows = start..(start + STRIPE).min(range.end);
                let len = rows.len();
                if self.metric == Metric::Euclidean {
                    let mut norms = [0.0; STRIPE];
                    x.squared_norms(rows.clone(), scratch, &mut norms[..len]);
                    let by_class = &mut by_class[..len * n_classes];
                    x.distances(rows.clone(), &norms[..len], &self.panels, Norm::Row, scratch, by_class);
                }
                for (position, out) in out.chunks_exact_mut(width).enumerate() {
                    match self.metric {
                        Metric::Euclidean => {
                            let squares = (0..n_classes).map(|class| by_class[class * len + position]);
                            own.iter_mut().zip(squares).for_each(|(own, square)| *own = square);
                        }
                        Metric::Manhattan => {
                            x.write_row(rows.start + position, row);
                            self.absolute_differences(row, own);
                        }
                    }
                    take(own, out);
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Sums over the features in order, the classes beside each other.
    fn absolute_differences<F: Float>(&self, row: &[F], sums: &mut [f64]) {
        sums.fill(0.0);
        for (value, centers) in row.iter().zip(self.columns.chunks_exact(self.n_classes)) {
            let value = value.to_f64();
            sums.iter_mut().zip(centers).for_each(|(sum, center)| *sum += (value - center).abs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Dense;

    fn params(n_classes: usize, metric: Metric) -> Params {
        Params { n_classes, metric, divides_first: false }
    }

    #[test]
    fn centers_are_means_or_medians() {
        let features = [1.0, 10.0, 2.0, 30.0, 6.0, 5.0, 5.0, 5.0, 5.0, 5.0];
        let x = Dense::new(&features, 2, 5).unwrap();
        let labels = [0, 1, 0, 1, 0];
        let means = fit(&Context::serial(), &x, &labels, &params(2, Metric::Euclidean)).unwrap();
        assert_eq!(means.centroids, [3.0, 5.0, 20.0, 5.0]);
        assert_eq!(means.scatter, [4.0 + 100.0 + 1.0 + 100.0 + 9.0, 0.0]);
        assert_eq!(means.means, [49.0 / 5.0, 5.0]);
        assert!(!means.is_constant);
        let medians = fit(&Context::serial(), &x, &labels, &params(2, Metric::Manhattan)).unwrap();
        assert_eq!(medians.centroids, [2.0, 5.0, 20.0, 5.0]);
        let fractions = Params { divides_first: true, ..params(1, Metric::Euclidean) };
        let ones = Dense::new(&[1.0; 10], 1, 10).unwrap();
        let found = fit(&Context::serial(), &ones, &[0; 10], &fractions).unwrap();
        assert_eq!(found.centroids, [[0.1; 10].iter().sum::<f64>()]);
    }

    #[test]
    fn labels_must_be_classes_that_all_occur() {
        let x = Dense::new(&[1.0, 2.0, 3.0], 1, 3).unwrap();
        for labels in [[0, 1, 3], [0, -1, 1], [0, 2, 2]] {
            assert!(fit(&Context::serial(), &x, &labels, &params(3, Metric::Euclidean)).is_err());
        }
        assert!(fit(&Context::serial(), &x, &[0, 1], &params(2, Metric::Euclidean)).is_err());
    }

    #[test]
    fn the_first_of_equally_close_centroids_is_taken() {
        let x = Dense::new(&[0.0, 0.0, 4.0, 1.0], 2, 2).unwrap();
        let centroids = [1.0, 0.0, -1.0, 0.0, 4.0, 0.0];
        for metric in [Metric::Euclidean, Metric::Manhattan] {
            assert_eq!(nearest(&Context::serial(), &x, &centroids, metric).unwrap(), [0, 2]);
        }
        let found = scores(&Context::serial(), &x, &centroids, &[0.0, -1.0, 0.5], Metric::Manhattan).unwrap();
        assert_eq!(found, [-1.0, -3.0, -15.0, -16.0, -38.0, 0.0]);
    }
}
