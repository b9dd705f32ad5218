//! The samples of one problem: rows with a constant feature after them if there is an intercept, targets and costs.

use std::marker::PhantomData;

use crate::common::Float;
use crate::linalg::linear::Linear;

/// Samples at positions `0..len()`. A vector of coefficients has [`Samples::width`] of them, the last for the constant.
pub(super) struct Samples<'a, F, R> {
    pub(super) rows: &'a R,
    /// The row of each sample.
    pub(super) order: &'a [u32],
    /// -1 or 1, or what a regression explains.
    pub(super) targets: &'a [f64],
    /// What an error of each sample costs.
    pub(super) costs: &'a [f64],
    /// The constant feature.
    pub(super) bias: Option<f64>,
    pub(super) float: PhantomData<F>,
}

impl<F: Float, R: Linear<F>> Samples<'_, F, R> {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn width(&self) -> usize {
        self.rows.n_cols() + usize::from(self.bias.is_some())
    }

    /// `start` plus the product of a sample with coefficients.
    #[inline(always)]
    pub(super) fn dot(&self, sample: usize, coef: &[f64], start: f64) -> f64 {
        let n_cols = self.rows.n_cols();
        let product = self.rows.dot(self.order[sample] as usize, &coef[..n_cols], start);
        self.bias.map_or(product, |bias| product + coef[n_cols] * bias)
    }

    /// `coef += scale * sample`.
    #[inline(always)]
    pub(super) fn add(&self, sample: usize, scale: f64, coef: &mut [f64]) {
        let n_cols = self.rows.n_cols();
        self.rows.add(self.order[sample] as usize, scale, &mut coef[..n_cols]);
        if let Some(bias) = self.bias {
            coef[n_cols] += scale * bias;
        }
    }

    /// `start` plus the squares of a sample.
    pub(super) fn square(&self, sample: usize, start: f64) -> f64 {
        let sum = self.rows.square(self.order[sample] as usize, start);
        self.bias.map_or(sum, |bias| sum + bias * bias)
    }

    /// Asks for a sample that will be read soon.
    #[inline(always)]
    pub(super) fn fetch(&self, sample: Option<usize>) {
        if let Some(sample) = sample {
            self.rows.fetch(self.order[sample] as usize);
        }
    }
}
