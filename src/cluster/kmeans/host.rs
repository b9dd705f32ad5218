//! What k-means asks of its host: NumPy's orderings, which are part of scikit-learn's answer, and an ear for progress,
//! as lines to print and as tasks that begin and end.

use super::bisecting::Tree;
use crate::common::{Error, Result};

/// A number in a progress line.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// A count.
    Count(usize),
    /// A measurement.
    Real(f64),
}

/// A part of a fit that is told of when it begins and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// One of the runs from different seeds.
    Run,
    /// One pass over the rows, or over a mini-batch.
    Iteration,
    /// The bisection of one cluster.
    Split,
}

/// The model as it would be if the fit ended with the task that has just ended.
#[derive(Debug, Clone, Copy)]
pub enum Snapshot<'a, F> {
    /// Centres, row-major, and the iterations that led to them.
    Centers(&'a [F], usize),
    /// A tree of splits and its leaves, in the order of their clusters' numbers.
    Splits(&'a Tree<F>, &'a [usize]),
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

    /// From here on centres are those of rows less these `means`, shape `(n_features,)`.
    ///
    /// # Errors
    /// [`crate::common::Error::Host`].
    fn centred(&self, means: &[F]) -> Result<()> {
        let _ = means;
        Ok(())
    }

    /// A task begins, within the one that began last and has not ended.
    ///
    /// # Errors
    /// [`crate::common::Error::Host`].
    fn begin(&self, task: Task) -> Result<()> {
        let _ = task;
        Ok(())
    }

    /// The task that began last has ended. Returns whether to make this the last of its kind in its loop; nothing else
    /// that the host answers bears on the result.
    ///
    /// # Errors
    /// [`crate::common::Error::Host`].
    fn end(&self, task: Task, snapshot: Snapshot<F>) -> Result<bool> {
        let _ = (task, snapshot);
        Ok(false)
    }

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

/// No host: equal values keep their order, nobody listens or watches.
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
