//! A vector of coefficients that is shrunk in one multiplication: its values are kept apart from their common factor.
//!
//! The average of all vectors that there were is kept the same way, as a sum of two parts of which each step changes
//! only the columns that it meets. A step rounds where scikit-learn's rounds, so that both go the same way.
//!
//! Reference: L. Bottou, "Stochastic Gradient Descent Tricks", Neural Networks: Tricks of the Trade (2012), section 5.

use crate::common::{Float, Result, memory};
use crate::linalg::row_updates::{RowDotAxpy, Summation, Sums};

/// A factor below it goes into the values, so that no digits are lost.
const fn min_factor<F>() -> f64 {
    if size_of::<F>() == size_of::<f32>() { 1e-6 } else { 1e-9 }
}

/// What anybody asks about the vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Nothing,
    Length,
    LengthAndMagnitudes,
}

/// Coefficients, shape (n_features,), and their average.
pub(super) struct Vector<F> {
    /// The coefficients over `factor`.
    pub(super) values: Vec<F>,
    factor: f64,
    /// Sums over the columns that the last step met.
    sums: Sums,
    measure: Measure,
    average: Option<Average<F>>,
}

/// The average is `(values + own * coefficients) / shared`, the coefficients without their factor.
struct Average<F> {
    values: Vec<F>,
    own: f64,
    shared: f64,
}

impl<F: Float> Vector<F> {
    /// Begins at `start`, and with an average if there is one so far; both of shape (n_features,).
    pub(super) fn new(start: &[F], average: Option<&[F]>, measure: Measure) -> Result<Self> {
        let average = average.map(memory::try_copied).transpose()?;
        let average = average.map(|values| Average { values, own: 0.0, shared: 1.0 });
        let squares = start.iter().fold(0.0, |sum, &w| sum + (w * w).to_f64());
        let magnitudes = start.iter().fold(0.0, |sum, &w| sum + w.abs().to_f64());
        let sums = Sums { squares, magnitudes };
        Ok(Self { values: memory::try_copied(start)?, factor: 1.0, sums, measure, average })
    }

    /// The product with a row.
    #[inline(always)]
    pub(super) fn product(&self, rows: &impl RowDotAxpy<F>, row: usize, summation: Summation) -> f64 {
        F::from_f64(rows.product(row, &self.values, summation) * self.factor).to_f64()
    }

    /// Adds a row times `step`.
    #[inline(always)]
    pub(super) fn add(&mut self, rows: &impl RowDotAxpy<F>, row: usize, step: f64) {
        let factor = F::from_f64(self.factor);
        let step = (F::from_f64(step) / factor).to_f64();
        if self.measure == Measure::Nothing {
            rows.visit(row, &mut self.values, |x, w| *w = F::from_f64(w.to_f64() + x.to_f64() * step));
            return;
        }
        let sums = rows.add(row, step, &mut self.values, self.measure == Measure::LengthAndMagnitudes);
        self.sums.squares = sums.squares * (factor * factor).to_f64();
        self.sums.magnitudes = sums.magnitudes * factor.to_f64();
    }

    /// Takes the coefficients as they are after a row times `step` was added into the average, as the `count`-th.
    #[inline(always)]
    pub(super) fn take_into_average(&mut self, rows: &impl RowDotAxpy<F>, row: usize, step: f64, count: f64) {
        let factor = self.factor;
        let Some(average) = &mut self.average else { return };
        let (own, step) = (average.own, -F::from_f64(step).to_f64() / factor);
        rows.visit(row, &mut average.values, |x, sum| *sum = F::from_f64(sum.to_f64() + own * x.to_f64() * step));
        let count = F::from_f64(count).to_f64();
        let fraction = 1.0 / count;
        if count > 1.0 {
            average.shared /= 1.0 - fraction;
        }
        average.own += fraction * average.shared * factor;
    }

    /// Multiplies the coefficients.
    #[inline(always)]
    pub(super) fn scale(&mut self, by: f64) {
        let by = F::from_f64(by);
        self.factor *= by.to_f64();
        self.sums.squares *= (by * by).to_f64();
        self.sums.magnitudes *= by.abs().to_f64();
        if self.factor < min_factor::<F>() {
            self.settle();
        }
    }

    /// Makes both factors one.
    #[cold]
    pub(super) fn settle(&mut self) {
        if let Some(average) = &mut self.average {
            let (own, shared) = (F::from_f64(average.own), F::from_f64(1.0 / average.shared));
            let pairs = average.values.iter_mut().zip(&self.values);
            pairs.for_each(|(sum, &w)| *sum = (*sum + own * w) * shared);
            (average.own, average.shared) = (0.0, 1.0);
        }
        let factor = F::from_f64(self.factor);
        self.values.iter_mut().for_each(|w| *w *= factor);
        self.factor = 1.0;
    }

    /// Moves the coefficients in the columns of a row towards zero, by all that `due` says and `paid` has not yet seen.
    ///
    /// Reference: Y. Tsuruoka, J. Tsujii, S. Ananiadou, "Stochastic Gradient Descent Training for L1-regularized
    /// Log-linear Models with Cumulative Penalty", ACL 2009.
    #[inline(always)]
    pub(super) fn truncate(&mut self, rows: &impl RowDotAxpy<F>, row: usize, due: f64, paid: &mut [F]) {
        let factor = self.factor;
        rows.visit_two(row, &mut self.values, paid, |w, paid| {
            let before = w.to_f64();
            let side = factor * before;
            let open = if side > 0.0 { due + paid.to_f64() } else { due - paid.to_f64() } / factor;
            let (down, up) = (before - open, before + open);
            // What is NaN stays so.
            *w = F::from_f64(if side > 0.0 {
                if down > 0.0 { down } else { 0.0 }
            } else if side < 0.0 {
                if up < 0.0 { up } else { 0.0 }
            } else {
                before
            });
            *paid = F::from_f64(paid.to_f64() + factor * (w.to_f64() - before));
        });
    }

    /// The length, as far as the last step saw.
    pub(super) fn length(&self) -> F {
        F::from_f64(self.sums.squares.sqrt())
    }

    /// The sum of the magnitudes, as far as the last step saw.
    pub(super) fn magnitudes(&self) -> F {
        F::from_f64(self.sums.magnitudes)
    }

    /// The coefficients and their average.
    pub(super) fn into_parts(mut self) -> (Vec<F>, Option<Vec<F>>) {
        self.settle();
        (self.values, self.average.map(|average| average.values))
    }
}
