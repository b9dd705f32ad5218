//! Generator states between NumPy and the core.

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::common::random::{KEY_LENGTH, Mt19937};

/// A generator pulled out of Python: from a seed, or from a `RandomState` that gets its new state back.
pub(super) struct Pulled<'py> {
    pub(super) generator: Mt19937,
    origin: Option<(Bound<'py, PyAny>, Bound<'py, PyTuple>)>,
}

impl<'py> Pulled<'py> {
    /// From an integer seed or a `RandomState` on MT19937.
    pub(super) fn new(source: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(seed) = source.extract::<u32>() {
            return Ok(Self { generator: Mt19937::seeded(seed), origin: None });
        }
        let state = source.call_method0("get_state")?.cast_into::<PyTuple>()?;
        let key: PyReadonlyArray1<'_, u32> = state.get_item(1)?.extract()?;
        let key: [u32; KEY_LENGTH] =
            key.as_slice()?.try_into().map_err(|_| PyValueError::new_err("not the state of an MT19937 generator"))?;
        let generator = Mt19937::from_state(key, state.get_item(2)?.extract()?)
            .ok_or_else(|| PyValueError::new_err("position of the generator out of range"))?;
        Ok(Self { generator, origin: Some((source.clone(), state)) })
    }

    /// Gives the `RandomState` the state that the generator has now.
    pub(super) fn push_back(&self, py: Python<'py>) -> PyResult<()> {
        let Some((origin, state)) = &self.origin else { return Ok(()) };
        let (key, position) = self.generator.state();
        let key = PyArray1::from_slice(py, key);
        let state = (state.get_item(0)?, key, position, state.get_item(3)?, state.get_item(4)?);
        origin.call_method1("set_state", (state,)).map(|_| ())
    }
}

/// Streams of the generators, for tests.
#[pymodule]
pub(super) mod random {
    use super::*;
    use crate::common::random::OurRandR;

    /// `RandomState(seed).random_sample(n)`.
    #[pyfunction]
    fn mt19937_doubles(py: Python<'_>, seed: u32, n: usize) -> Bound<'_, PyArray1<f64>> {
        let mut generator = Mt19937::seeded(seed);
        PyArray1::from_iter(py, (0..n).map(|_| generator.next_f64()))
    }

    /// `RandomState(seed).randint(0, high, n)`.
    #[pyfunction]
    fn mt19937_bounded(py: Python<'_>, seed: u32, high: u64, n: usize) -> PyResult<Bound<'_, PyArray1<i64>>> {
        let most = high.checked_sub(1).ok_or_else(|| PyValueError::new_err("high must be positive"))?;
        let mut generator = Mt19937::seeded(seed);
        Ok(PyArray1::from_iter(py, (0..n).map(|_| generator.at_max(most) as i64)))
    }

    /// `RandomState(seed).permutation(n)`.
    #[pyfunction]
    fn mt19937_permutation(py: Python<'_>, seed: u32, n: usize) -> Bound<'_, PyArray1<i64>> {
        let mut items: Vec<i64> = (0..n as i64).collect();
        Mt19937::seeded(seed).shuffle(&mut items);
        PyArray1::from_vec(py, items)
    }

    /// `n` numbers of scikit-learn's `our_rand_r` from a state.
    #[pyfunction]
    fn our_rand_r(py: Python<'_>, seed: u32, n: usize) -> Bound<'_, PyArray1<u32>> {
        let mut generator = OurRandR::seeded(seed);
        PyArray1::from_iter(py, (0..n).map(|_| generator.draw()))
    }
}
