//! What least squares needs of all rows, in one pass: the products of features with features and with targets.
//!
//! Rows are read less a guess of their means, the means of a few rows, and a column of ones goes along, so that the
//! products about the true means follow afterwards without a second pass. Where the guess was so far off that digits
//! would be lost, the pass is taken again with the means that the first one found. Nothing is copied but a pack of rows.

use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::double_double::DoubleDouble;
use crate::common::float::power_below;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::syrk::{OCTET, PACK_ROWS, Panel8, add_products};
use crate::linalg::{Dense, Rows};

/// Rows that are looked at to guess means and magnitudes.
const GLANCE: usize = 64;
/// Blocks of rows that are summed on their own.
const MAX_BLOCKS: usize = 64;
/// Scalars that the sums of all blocks may take, unless four blocks take more.
const MAX_SUMS: usize = 1 << 25;
/// Largest share of the squared distance between guess and mean in a variance: of sixteen digits about one is lost.
const MAX_OFF: f64 = 16.0;
/// Magnitudes whose products neither overflow nor vanish.
const SAFE: Range<f64> = 1e-60..1e60;

/// What rows are to be explained by, and how much each of them counts.
#[derive(Clone, Copy)]
pub struct Targets<'a, F> {
    /// Row-major of shape (n_rows, n_targets).
    pub y: &'a [F],
    /// Number of targets.
    pub n_targets: usize,
    /// Weights, shape (n_rows,), not negative.
    pub weights: Option<&'a [F]>,
}

/// Rows with their targets and weights.
pub struct Table<'a, F: Float> {
    /// Features, shape (n_rows, n_features).
    pub x: &'a Dense<'a, F>,
    /// As many rows.
    pub targets: Targets<'a, F>,
}

/// The means of features and targets, and in which unit features are read.
#[derive(Debug, Clone)]
pub struct Center {
    /// Shape (n_features,).
    pub means: Vec<f64>,
    /// Shape (n_targets,).
    pub target_means: Vec<f64>,
    /// A power of two: products are those of `unit` times the features less their means.
    pub unit: f64,
}

/// Products of features with features and targets, about the means.
pub struct Moments {
    /// The means, zero without an intercept.
    pub center: Center,
    /// Row-major with rows of `stride`, in whole panels of rows: the upper triangle of features by features, then
    /// features by targets.
    pub products: Vec<f64>,
    /// Scalars in a row.
    pub stride: usize,
}

impl Moments {
    /// The center, the products of features with features, shape (n_features, n_features), and those of features with
    /// targets, shape (n_features, n_targets).
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn apart(self) -> Result<(Center, Vec<f64>, Vec<f64>)> {
        let (n, n_targets) = (self.center.means.len(), self.center.target_means.len());
        let mut squares = memory::try_filled(memory::checked_len(n, n)?, 0.0)?;
        let mut products = memory::try_with_capacity(memory::checked_len(n, n_targets)?)?;
        for (i, row) in self.products.chunks_exact(self.stride).enumerate().take(n) {
            for j in i..n {
                squares[i * n + j] = row[j];
                squares[j * n + i] = row[j];
            }
            products.extend_from_slice(&row[n..n + n_targets]);
        }
        Ok((self.center, squares, products))
    }
}

impl<F: Float> Targets<'_, F> {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.y.len() / self.n_targets
    }

    /// The weight of a row.
    #[inline(always)]
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row].to_f64())
    }

    /// The root of the weight of a row.
    #[inline(always)]
    pub fn root(&self, row: usize) -> f64 {
        self.weight(row).sqrt()
    }

    /// Targets of a row about the means, times `root`.
    #[inline(always)]
    pub fn centred<'s>(&'s self, row: usize, means: &'s [f64], root: f64) -> impl Iterator<Item = f64> + 's {
        let targets = &self.y[row * self.n_targets..][..self.n_targets];
        targets.iter().zip(means).map(move |(value, mean)| (value.to_f64() - mean) * root)
    }

    /// Weighted means of the targets, zeros without an intercept.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the weights have no sum; [`Error::OutOfMemory`]; [`Error::Interrupted`].
    pub fn means(&self, ctx: &Context, fit_intercept: bool) -> Result<Vec<f64>> {
        if !fit_intercept {
            return memory::try_filled(self.n_targets, 0.0);
        }
        let (means, total) = self.weighted_means(ctx)?;
        let has_sum = total > 0.0;
        if has_sum { Ok(means) } else { Err(Error::InvalidArgument("the weights have no positive sum")) }
    }

    /// Weighted means of the targets, and the sum of the weights.
    fn weighted_means(&self, ctx: &Context) -> Result<(Vec<f64>, f64)> {
        let base = &self.y[..self.n_targets];
        let blocks = Blocks::new(self.n_rows(), PACK_ROWS, MAX_BLOCKS);
        let parts = parallel::map(ctx, blocks.ranges().collect(), |rows| {
            let (mut sums, mut total) = (memory::try_filled(self.n_targets, 0.0)?, 0.0);
            for row in rows {
                let weight = self.weight(row);
                total += weight;
                for target in 0..self.n_targets {
                    sums[target] += weight * (self.y[row * self.n_targets + target].to_f64() - base[target].to_f64());
                }
            }
            Ok((sums, total))
        })?;
        let (mut means, mut total) = (memory::try_filled(self.n_targets, 0.0)?, 0.0);
        for (sums, weight) in parts {
            means.iter_mut().zip(sums).for_each(|(mean, sum)| *mean += sum);
            total += weight;
        }
        means.iter_mut().zip(base).for_each(|(mean, base)| *mean = base.to_f64() + *mean / total);
        Ok((means, total))
    }
}

impl<F: Float> Table<'_, F> {
    /// Number of features.
    pub fn n_features(&self) -> usize {
        self.x.n_cols()
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.x.n_rows()
    }

    fn row(&self, row: usize) -> &[F] {
        let n_features = self.n_features();
        &self.x.values()[row * n_features..][..n_features]
    }

    /// Features of a row about the means, in their unit, times `root`.
    #[inline(always)]
    pub fn centred<'s>(&'s self, row: usize, center: &'s Center, root: f64) -> impl Iterator<Item = f64> + 's {
        let factor = center.unit * root;
        self.row(row).iter().zip(&center.means).map(move |(value, mean)| (value.to_f64() - mean) * factor)
    }

    /// As [`Table::centred`], with a root of one and without rounding.
    pub fn exactly<'s>(&'s self, row: usize, center: &'s Center) -> impl Iterator<Item = DoubleDouble> + 's {
        let pairs = self.row(row).iter().zip(&center.means);
        pairs.map(|(value, mean)| DoubleDouble::two_sum(value.to_f64(), -mean).times(center.unit))
    }

    /// Rows spread evenly over all.
    fn glance(&self) -> impl Iterator<Item = usize> + Clone {
        let (n_rows, count) = (self.n_rows(), self.n_rows().min(GLANCE));
        (0..count).map(move |at| (at as u128 * n_rows as u128 / count as u128) as usize)
    }

    /// The means of a few rows, exact where all of them are equal; zeros without an intercept.
    fn guess(&self, fit_intercept: bool) -> Result<Vec<f64>> {
        let mut guess = memory::try_filled(self.n_features(), 0.0)?;
        if fit_intercept {
            let (base, count) = (self.row(0), self.n_rows().min(GLANCE) as f64);
            for row in self.glance() {
                let pairs = self.row(row).iter().zip(base);
                guess.iter_mut().zip(pairs).for_each(|(sum, (value, base))| *sum += value.to_f64() - base.to_f64());
            }
            guess.iter_mut().zip(base).for_each(|(sum, base)| *sum = base.to_f64() + *sum / count);
        }
        Ok(guess)
    }

    /// A guess of the means of the features, and the means of the targets.
    pub(super) fn guessed_center(&self, ctx: &Context, fit_intercept: bool) -> Result<Center> {
        let target_means = self.targets.means(ctx, fit_intercept)?;
        let means = self.guess(fit_intercept)?;
        let unit = unit_for(self.largest(self.glance(), &means));
        Ok(Center { means, target_means, unit })
    }

    /// The largest magnitude among rows less `means`.
    fn largest(&self, rows: impl Iterator<Item = usize>, means: &[f64]) -> f64 {
        rows.flat_map(|row| self.row(row).iter().zip(means).map(|(value, mean)| (value.to_f64() - mean).abs()))
            .fold(0.0, f64::max)
    }

    /// A power of two that brings the largest of all values less their means near one, if they are out of the safe range.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn unit(&self, ctx: &Context, means: &[f64]) -> Result<f64> {
        let blocks = Blocks::new(self.n_rows(), PACK_ROWS, MAX_BLOCKS);
        let found = parallel::map(ctx, blocks.ranges().collect(), |rows| Ok(self.largest(rows, means)))?;
        Ok(unit_for(found.into_iter().fold(0.0, f64::max)))
    }

    fn is_finite(&self, ctx: &Context) -> Result<bool> {
        let blocks = Blocks::new(self.n_rows(), PACK_ROWS, MAX_BLOCKS);
        let is_finite = |rows| Ok(self.values(&rows).iter().all(|value| value.to_f64().is_finite()));
        Ok(parallel::map(ctx, blocks.ranges().collect(), is_finite)?.into_iter().all(|is_finite| is_finite))
    }

    /// The means alone, for a table of few rows.
    ///
    /// # Errors
    /// As [`Table::moments`].
    pub fn center(&self, ctx: &Context, fit_intercept: bool) -> Result<Center> {
        let mut means = memory::try_filled(self.n_features(), 0.0)?;
        let target_means = self.targets.means(ctx, fit_intercept)?;
        if fit_intercept {
            let (base, mut total) = (self.row(0), 0.0);
            for row in 0..self.n_rows() {
                let weight = self.targets.weight(row);
                total += weight;
                let pairs = self.row(row).iter().zip(base);
                let sums = means.iter_mut().zip(pairs);
                sums.for_each(|(sum, (value, base))| *sum += weight * (value.to_f64() - base.to_f64()));
            }
            means.iter_mut().zip(base).for_each(|(mean, base)| *mean = base.to_f64() + *mean / total);
        }
        let unit = self.unit(ctx, &means)?;
        Ok(Center { means, target_means, unit })
    }

    fn pack(&self, rows: Range<usize>, center: &Center, panels: &mut Panel8) {
        let n_features = self.n_features();
        panels.reset(rows.len(), n_features + 1 + self.targets.n_targets);
        let mut factors = [center.unit; PACK_ROWS];
        for (position, row) in rows.clone().enumerate() {
            let root = self.targets.root(row);
            factors[position] *= root;
            panels.put(position, n_features, root);
            for target in 0..self.targets.n_targets {
                let value = self.targets.y[row * self.targets.n_targets + target].to_f64();
                panels.put(position, n_features + 1 + target, (value - center.target_means[target]) * root);
            }
        }
        panels.spread(self.values(&rows), &center.means, &factors[..rows.len()]);
    }

    fn values(&self, rows: &Range<usize>) -> &[F] {
        &self.x.values()[rows.start * self.n_features()..rows.end * self.n_features()]
    }

    /// Products about the center as it is: of features and a column of ones with these and with the targets.
    pub(super) fn products(&self, ctx: &Context, center: &Center) -> Result<(Vec<f64>, usize)> {
        let n_cols = self.n_features() + 1 + self.targets.n_targets;
        let (outer, stride) = (self.n_features() + 1, n_cols.next_multiple_of(OCTET));
        let len = memory::checked_len(outer.next_multiple_of(OCTET), stride)?;
        let most = (MAX_SUMS / len).clamp(4, MAX_BLOCKS);
        let blocks = Blocks::new(self.n_rows(), 8 * PACK_ROWS, most);
        let parts = parallel::map_with(
            ctx,
            blocks.ranges().collect(),
            || Panel8::new(n_cols),
            |panels, rows| {
                let mut sums = memory::try_filled(len, 0.0)?;
                for start in rows.clone().step_by(PACK_ROWS) {
                    ctx.check()?;
                    let end = (start + PACK_ROWS).min(rows.end);
                    self.pack(start..end, center, panels);
                    let ahead = self.values(&(end..(end + PACK_ROWS).min(rows.end)));
                    add_products(panels, outer, &mut sums, stride, ahead);
                }
                Ok(sums)
            },
        )?;
        let mut parts = parts.into_iter();
        let mut sums = parts.next().map_or_else(|| memory::try_filled(len, 0.0), Ok)?;
        parts.for_each(|part| sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += value));
        Ok((sums, stride))
    }

    /// Products about the means, or about zero without an intercept.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the weights have no sum or a feature is not finite; [`Error::OutOfMemory`];
    /// [`Error::Interrupted`].
    pub fn moments(&self, ctx: &Context, fit_intercept: bool) -> Result<Moments> {
        let mut center = self.guessed_center(ctx, fit_intercept)?;
        let (mut products, stride) = self.products(ctx, &center)?;
        // A value that is not finite makes its square so. Squares of finite values may overflow.
        let are_squares_finite = (0..self.n_features()).all(|i| products[i * stride + i].is_finite());
        if !are_squares_finite && !self.is_finite(ctx)? {
            return Err(Error::InvalidArgument("features are not finite"));
        }
        if fit_intercept {
            let n = self.n_features();
            let is_off = move_to_means(&mut products, stride, n, self.targets.n_targets, &mut center);
            if is_off {
                (products, _) = self.products(ctx, &center)?;
                move_to_means(&mut products, stride, n, self.targets.n_targets, &mut center);
            }
        }
        // What stood behind the features made way for the targets.
        let n = self.n_features();
        for row in products.chunks_exact_mut(stride).take(n) {
            row.copy_within(n + 1..n + 1 + self.targets.n_targets, n);
        }
        Ok(Moments { center, products, stride })
    }
}

/// Turns products about a guess into products about the means, which take its place; returns whether it was far off.
pub(super) fn move_to_means(
    products: &mut [f64],
    stride: usize,
    n: usize,
    n_targets: usize,
    center: &mut Center,
) -> bool {
    let (features, ones) = products.split_at_mut(n * stride);
    let total = ones[n];
    let mut is_off = false;
    let sums: Vec<f64> = features.chunks_exact(stride).map(|row| row[n]).collect();
    for (i, row) in features.chunks_exact_mut(stride).enumerate() {
        let fraction = sums[i] / total;
        row[i..n].iter_mut().zip(&sums[i..]).for_each(|(product, sum)| *product -= fraction * sum);
        let pairs = row[n + 1..].iter_mut().zip(&ones[n + 1..]).take(n_targets);
        pairs.for_each(|(product, sum)| *product -= fraction * sum);
        is_off |= fraction * sums[i] > MAX_OFF * row[i];
        center.means[i] += fraction / center.unit;
    }
    is_off
}

/// A power of two that brings a magnitude near one, or one where its products are safe.
fn unit_for(largest: f64) -> f64 {
    if largest == 0.0 || SAFE.contains(&largest) || !largest.is_finite() {
        return 1.0;
    }
    // The inverse of a subnormal number is infinite: a step less is near enough.
    1.0 / power_below(largest).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    fn table(n_rows: usize, n: usize, spread: impl Fn(usize, usize, f64) -> f64) -> Vec<f64> {
        let mut random = Mt19937::seeded(5);
        (0..n_rows * n).map(|at| spread(at / n, at % n, random.next_f64() - 0.5)).collect()
    }

    fn check(values: &[f64], n: usize, weights: Option<&[f64]>, tolerance: f64) {
        let n_rows = values.len() / n;
        let y: Vec<f64> = (0..2 * n_rows).map(|at| (at % 7) as f64).collect();
        let x = Dense::new(values, n_rows, n).expect("shape");
        let table = Table { x: &x, targets: Targets { y: &y, weights, n_targets: 2 } };
        let found = table.moments(&Context::serial(), true).expect("moments");
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..n_rows).map(weight).sum();
        let column = |c: usize, row: usize| if c < n { values[row * n + c] } else { y[row * 2 + c - n] };
        let mean = |c: usize| {
            let values = (0..n_rows).map(|row| DoubleDouble::two_prod(weight(row), column(c, row)));
            values.fold(DoubleDouble::default(), DoubleDouble::plus).hi / total
        };
        let product = |i: usize, j: usize| -> f64 {
            let (a, b) = (mean(i), mean(j));
            (0..n_rows).map(|row| weight(row) * (column(i, row) - a) * (column(j, row) - b)).sum()
        };
        for i in 0..n {
            assert!((found.center.means[i] - mean(i)).abs() <= 1e-15 * mean(i).abs().max(1.0), "mean {i}");
            for j in i..n + 2 {
                let size = (product(i, i) * product(j, j)).sqrt();
                let apart = (found.products[i * found.stride + j] - product(i, j)).abs();
                assert!(apart <= tolerance * size, "{i} {j}: {apart} of {size}");
            }
        }
    }

    #[test]
    fn products_are_about_the_means() {
        check(&table(1000, 5, |_, _, noise| noise), 5, None, 1e-13);
        let weights: Vec<f64> = (0..300).map(|row| f64::from(row % 4)).collect();
        check(&table(300, 9, |_, c, noise| noise + c as f64), 9, Some(&weights), 1e-13);
    }

    #[test]
    fn a_wrong_guess_costs_no_digits() {
        // The rows that are glanced at are far from all others.
        let n_rows = 64 * 101;
        let values = table(n_rows, 3, |row, _, noise| noise + if row % 101 == 0 { 1e7 } else { 0.0 } + 1e3);
        check(&values, 3, None, 1e-13);
        let weights: Vec<f64> = (0..n_rows).map(|row| f64::from(u8::from(row % 101 != 0))).collect();
        check(&values, 3, Some(&weights), 1e-10);
    }

    #[test]
    fn constant_columns_have_no_spread() {
        let values = table(777, 2, |_, c, noise| if c == 0 { 0.1 } else { noise });
        let y = vec![1.0; 777];
        let x = Dense::new(&values, 777, 2).expect("shape");
        let table = Table { x: &x, targets: Targets { y: &y, weights: None, n_targets: 1 } };
        let found = table.moments(&Context::serial(), true).expect("moments");
        assert_eq!((found.products[0], found.center.means[0]), (0.0, 0.1));
    }

    #[test]
    fn units_are_powers_of_two_near_the_largest() {
        for value in [1e-300, 1e-61, 1.0, 3.7, 1e61, 1e300] {
            let unit = unit_for(value);
            assert!(unit == 1.0 || (1.0..2.0).contains(&(value * unit)), "{value}");
        }
        assert!(unit_for(5e-324).is_finite());
    }
}
