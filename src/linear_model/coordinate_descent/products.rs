//! What coordinate descent needs of all rows: the products of features with features and with targets.

use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::syrk::OCTET;
use crate::linalg::{Csr, Dense, Rows};
use crate::linear_model::normal_equations::{Center, Table, Targets, move_to_means};
use crate::optimize::coordinate_descent::tasks::Tasks;

/// Rows of a CSR matrix that are summed on their own, at least.
const MIN_ROWS: usize = 4096;
/// Scalars that the sums of all blocks may take, unless two blocks take more.
const MAX_SUMS: usize = 1 << 22;
const MAX_BLOCKS: usize = 16;
/// Fraction of the square of a feature that must be left once its mean is taken off, so that nine digits are right.
const MIN_LEFT: f64 = 1e-7;
const LOST: &str = "features hardly vary beside their means";

/// Products of a table about its means, or about zero without an intercept.
#[derive(Debug)]
pub struct Products {
    /// Features with features, shape (n_features, n_features).
    pub squares: Vec<f64>,
    /// Targets with features, row-major of shape (n_targets, n_features).
    pub products: Vec<f64>,
    /// Each target with itself, shape (n_targets,).
    pub target_squares: Vec<f64>,
    /// Shape (n_features,).
    pub means: Vec<f64>,
    /// Shape (n_targets,).
    pub target_means: Vec<f64>,
}

impl Products {
    /// The problem of some of the targets.
    pub fn problem(&self, targets: Range<usize>) -> Tasks<'_> {
        let n = self.means.len();
        let target_square = self.target_squares[targets.clone()].iter().sum();
        let products = &self.products[targets.start * n..targets.end * n];
        Tasks { squares: &self.squares, products, n_tasks: targets.len(), target_square }
    }

    /// Multiplies all weights by a number.
    pub fn scale(&mut self, factor: f64) {
        let values = [&mut self.squares, &mut self.products, &mut self.target_squares];
        values.into_iter().flatten().for_each(|value| *value *= factor);
    }
}

/// Sums of products about a center, of features, a column of ones and targets: the upper part, row-major with rows of
/// `stride` that begin with the features.
#[derive(Debug, Clone)]
pub struct Sums {
    values: Vec<f64>,
    stride: usize,
}

impl Sums {
    /// Takes the sums of some of the rows away, which were made about the same center.
    pub fn take(&mut self, part: &Self) {
        self.values.iter_mut().zip(&part.values).for_each(|(sum, part)| *sum -= part);
    }

    /// Adds the sums of more rows.
    pub fn add(&mut self, part: &Self) {
        self.values.iter_mut().zip(&part.values).for_each(|(sum, part)| *sum += part);
    }

    /// Squares of `n` features about the center.
    pub fn squares(&self, n: usize) -> Result<Vec<f64>> {
        let mut squares = memory::try_with_capacity(n)?;
        squares.extend((0..n).map(|i| self.values[i * self.stride + i]));
        Ok(squares)
    }

    /// Moves the center of the features to the means; returns whether it was far off. That of the targets stays.
    fn move_to_means(&mut self, n_targets: usize, center: &mut Center) -> bool {
        let n = center.means.len();
        move_to_means(&mut self.values, self.stride, n, n_targets, center)
    }

    /// The products that were summed, in the unit of the data; None where too few digits are left of `squares`, those
    /// of the features as they were summed, so that rounding would be taken for data.
    fn products<F: Float>(
        &self,
        targets: &Targets<F>,
        center: Center,
        squares: &[f64],
        is_constant: impl Fn(usize) -> bool,
    ) -> Result<Option<Products>> {
        let (n, n_targets) = (center.means.len(), targets.n_targets);
        let unit = 1.0 / center.unit;
        let mut found = Products {
            squares: memory::try_filled(memory::checked_len(n, n)?, 0.0)?,
            products: memory::try_filled(memory::checked_len(n_targets, n)?, 0.0)?,
            target_squares: memory::try_filled(n_targets, 0.0)?,
            means: center.means,
            target_means: center.target_means,
        };
        for (i, row) in self.values.chunks_exact(self.stride).take(n).enumerate() {
            if row[i] <= MIN_LEFT * squares[i] && squares[i] > 0.0 {
                if is_constant(i) {
                    (0..i).for_each(|j| found.squares[j * n + i] = 0.0);
                    continue;
                }
                return Ok(None);
            }
            for j in i..n {
                let product = row[j] * unit * unit;
                found.squares[i * n + j] = product;
                found.squares[j * n + i] = product;
            }
            for target in 0..n_targets {
                found.products[target * n + i] = row[n + 1 + target] * unit;
            }
        }
        for row in 0..targets.n_rows() {
            let centred = targets.centred(row, &found.target_means, targets.root(row));
            found.target_squares.iter_mut().zip(centred).for_each(|(sum, value)| *sum += value * value);
        }
        Ok(Some(found))
    }
}

/// Rows whose products can be summed.
pub trait Summed<F: Float>: Rows<F> + Sized {
    /// A center about which no digits are lost, as far as that is seen before the sums.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the weights have no sum; [`Error::OutOfMemory`]; [`Error::Interrupted`].
    fn center(&self, ctx: &Context, targets: &Targets<F>, fit_intercept: bool) -> Result<Center>;

    /// The sums about a center.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; [`Error::Interrupted`].
    fn sums(&self, ctx: &Context, targets: &Targets<F>, center: &Center) -> Result<Sums>;

    /// Whether a feature has the same value in all rows that count.
    fn is_constant(&self, feature: usize, targets: &Targets<F>) -> bool;

    /// Whether sums about the means that they lead to are worth another pass.
    const RECENTRES: bool;
}

impl<F: Float> Summed<F> for Dense<'_, F> {
    const RECENTRES: bool = true;

    fn center(&self, ctx: &Context, targets: &Targets<F>, fit_intercept: bool) -> Result<Center> {
        Table { x: self, targets: *targets }.guessed_center(ctx, fit_intercept)
    }

    fn sums(&self, ctx: &Context, targets: &Targets<F>, center: &Center) -> Result<Sums> {
        let (values, stride) = Table { x: self, targets: *targets }.products(ctx, center)?;
        Ok(Sums { values, stride })
    }

    fn is_constant(&self, feature: usize, targets: &Targets<F>) -> bool {
        let mut first = None;
        let values = self.values().iter().skip(feature).step_by(self.n_cols()).enumerate();
        let mut counted = values.filter(|&(row, _)| targets.weight(row) > 0.0);
        counted.all(|(_, value)| first.get_or_insert(value) == &value)
    }
}

impl<F: Float> Summed<F> for Csr<'_, F> {
    const RECENTRES: bool = false;

    fn center(&self, ctx: &Context, targets: &Targets<F>, fit_intercept: bool) -> Result<Center> {
        let target_means = targets.means(ctx, fit_intercept)?;
        Ok(Center { means: memory::try_filled(self.n_cols(), 0.0)?, target_means, unit: 1.0 })
    }

    /// About zero, whatever the center says of the features: only products of stored values are taken.
    fn sums(&self, ctx: &Context, targets: &Targets<F>, center: &Center) -> Result<Sums> {
        let (n, n_targets) = (self.n_cols(), targets.n_targets);
        let stride = (n + 1 + n_targets).next_multiple_of(OCTET);
        let len = memory::checked_len((n + 1).next_multiple_of(OCTET), stride)?;
        let blocks = Blocks::new(self.n_rows(), MIN_ROWS, (MAX_SUMS / len).clamp(2, MAX_BLOCKS));
        let parts = parallel::map(ctx, blocks.ranges().collect(), |rows| {
            let mut values = memory::try_filled(len, 0.0)?;
            let mut beside = memory::try_filled(1 + n_targets, 0.0)?;
            for row in rows {
                let weight = targets.weight(row);
                beside[0] = weight;
                let centred = targets.centred(row, &center.target_means, weight);
                beside[1..].iter_mut().zip(centred).for_each(|(slot, value)| *slot = value);
                for (i, left) in self.row(row) {
                    let (sums, left) = (&mut values[i * stride..][..stride], left.to_f64());
                    let scaled = weight * left;
                    self.row(row).for_each(|(j, right)| sums[j] += scaled * right.to_f64());
                    sums[n..].iter_mut().zip(&beside).for_each(|(sum, value)| *sum += left * value);
                }
                let ones = &mut values[n * stride + n..];
                ones.iter_mut().zip(&beside).for_each(|(sum, value)| *sum += value);
            }
            Ok(values)
        })?;
        let mut parts = parts.into_iter();
        let mut values = parts.next().map_or_else(|| memory::try_filled(len, 0.0), Ok)?;
        parts.for_each(|part| values.iter_mut().zip(part).for_each(|(sum, value)| *sum += value));
        Ok(Sums { values, stride })
    }

    fn is_constant(&self, feature: usize, targets: &Targets<F>) -> bool {
        let mut first = None;
        (0..self.n_rows()).filter(|&row| targets.weight(row) > 0.0).all(|row| {
            let value = self.row(row).find(|&(column, _)| column == feature).map_or(F::ZERO, |(_, value)| value);
            *first.get_or_insert(value) == value
        })
    }
}

/// The products of a table.
///
/// # Errors
/// [`Error::InvalidArgument`] if the weights have no sum, or features vary so little beside their means that their
/// products are lost; [`Error::OutOfMemory`]; [`Error::Interrupted`].
pub fn products<F: Float, X: Summed<F>>(
    ctx: &Context,
    x: &X,
    targets: &Targets<F>,
    fit_intercept: bool,
) -> Result<Products> {
    let mut center = x.center(ctx, targets, fit_intercept)?;
    let mut sums = x.sums(ctx, targets, &center)?;
    let mut squares = sums.squares(x.n_cols())?;
    if fit_intercept && sums.move_to_means(targets.n_targets, &mut center) && X::RECENTRES {
        sums = x.sums(ctx, targets, &center)?;
        squares = sums.squares(x.n_cols())?;
        sums.move_to_means(targets.n_targets, &mut center);
    }
    // scikit-learn adds values up in their own type to find their means.
    let add_up = |mean: &f64| F::from_f64(mean * x.n_rows() as f64).is_finite();
    if !center.means.iter().all(add_up) {
        return Err(Error::InvalidArgument("the sums of features are not finite"));
    }
    let found = sums.products(targets, center, &squares, |feature| x.is_constant(feature, targets))?;
    found.ok_or(Error::InvalidArgument(LOST))
}

/// The products of a part of a table from its sums about a center, which are the difference of larger ones with
/// `squares` of the features; None where these left too few digits.
///
/// # Errors
/// [`Error::InvalidArgument`] if the weights have no sum; [`Error::OutOfMemory`]; [`Error::Interrupted`].
pub fn products_from<F: Float>(
    ctx: &Context,
    targets: &Targets<F>,
    fit_intercept: bool,
    mut sums: Sums,
    mut center: Center,
    squares: &[f64],
) -> Result<Option<Products>> {
    if fit_intercept {
        center.target_means = targets.means(ctx, true)?;
        sums.move_to_means(targets.n_targets, &mut center);
    }
    sums.products(targets, center, squares, |_| false)
}
