//! What k-means asks of its host: NumPy's orderings, which are part of scikit-learn's answer, and an ear for progress.

use crate::common::{Error, Result};

/// A number in a progress line.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// A count.
    Count(usize),
    /// A measurement.
    Real(f64),
}

/// The program that k-means runs in. Called between passes over the data, never from a worker.
pub trait Host<F>: Sync {
    /// A progress line: `template` with its `{}` filled in. Nothing is done unless the user wants to hear.
    ///
    /// # Errors
    /// [`crate::common::Error::Host`].
    fn report(&self, template: &'static str, numbers: &[Number]) -> Result<()>;

    /// Whether [`Host::report`] is heard, so that numbers only for it need not be computed otherwise.
    fn is_listening(&self) -> bool;

    /// A progress line followed by a matrix of `n_cols` columns.
    ///
    /// # Errors
    /// [`crate::common::Error::Host`].
    fn report_matrix(&self, text: &'static str, values: &[F], n_cols: usize) -> Result<()>;

    /// Positions of the `count` largest values in the order of `numpy.argpartition(values, -count)[:-count - 1:-1]`.
    ///
    /// # Errors
    /// [`crate::common::Error::Host`].
    fn largest(&self, values: &[F], count: usize) -> Result<Vec<usize>>;

    /// Centres that the user's own function chooses for the given rows, row-major.
    ///
    /// # Errors
    /// [`crate::common::Error::Host`].
    fn choose_centers(&self, rows: &[u32]) -> Result<Vec<F>>;

    /// `numpy.argsort(values)`.
    ///
    /// # Errors
    /// [`crate::common::Error::Host`].
    fn argsort(&self, values: &[F]) -> Result<Vec<usize>>;
}

/// No host: equal values keep their order, nobody listens.
#[derive(Debug)]
pub struct Alone;

impl<F: crate::common::Float> Host<F> for Alone {
    fn report(&self, _template: &'static str, _numbers: &[Number]) -> Result<()> {
        Ok(())
    }

    fn is_listening(&self) -> bool {
        false
    }

    fn report_matrix(&self, _text: &'static str, _values: &[F], _n_cols: usize) -> Result<()> {
        Ok(())
    }

    fn largest(&self, values: &[F], count: usize) -> Result<Vec<usize>> {
        let mut order = self.argsort(values)?;
        order.reverse();
        order.truncate(count);
        Ok(order)
    }

    fn choose_centers(&self, _rows: &[u32]) -> Result<Vec<F>> {
        Err(Error::InvalidArgument("there is nobody to choose centres"))
    }

    fn argsort(&self, values: &[F]) -> Result<Vec<usize>> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].to_f64().total_cmp(&values[b].to_f64()));
        Ok(order)
    }
}
