//! The loss of all rows and its gradient, for optimisers that look at all of them.

use super::batch::{Network, Samples, Workspace};
use super::dropout::Dropout;
use super::packed::Packed;
use super::train::{cut, single};
use crate::common::{Context, Error, Float, Result, memory};
use crate::linalg::RowSet;

/// Rows that go through at a time: they are what is normalised over, and silent units are the same in all.
const ROWS: usize = 512;

/// The mean loss of all rows with the penalty `alpha`, as a function of the parameters.
#[derive(Debug)]
pub struct Objective<'a, F: Clone> {
    network: &'a Network,
    samples: Samples<'a, F>,
    alpha: f64,
    keeps_single: bool,
    total: f64,
    work: Workspace<F>,
    packed: Packed<F>,
    values: Vec<F>,
    gradient: Vec<F>,
}

impl<'a, F: Float> Objective<'a, F> {
    /// Of `samples`, which [`super::train::check`] has seen. `keeps_single`: parameters are rounded to single precision.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if all weights are zero; [`Error::OutOfMemory`].
    pub fn new(network: &'a Network, samples: Samples<'a, F>, alpha: f64, keeps_single: bool) -> Result<Self> {
        let total = samples.total(RowSet::Range(0, samples.x.n_rows()));
        if total == 0.0 {
            return Err(Error::InvalidArgument("the weights are all zero"));
        }
        let n_params = network.shape.n_params();
        let values = memory::try_filled(network.shape.n_values(), F::ZERO)?;
        Ok(Self {
            work: Workspace::new(network, &samples.x, samples.x.n_rows().min(ROWS))?,
            packed: Packed::new(&network.shape, &network.shape.layers(&values)?, true)?,
            gradient: memory::try_filled(n_params, F::ZERO)?,
            values,
            network,
            samples,
            alpha,
            keeps_single,
            total,
        })
    }

    /// The value at `params`; the gradient goes to the second argument. Both of shape (n_params,).
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn evaluate(&mut self, ctx: &Context, params: &[f64], gradient: &mut [f64]) -> Result<f64> {
        let shape = &self.network.shape;
        self.values.iter_mut().zip(params).for_each(|(own, &param)| *own = F::from_f64(param));
        if self.keeps_single {
            self.values.iter_mut().for_each(|param| *param = single(*param));
        }
        self.packed.update(shape, &shape.layers(&self.values)?);
        self.gradient.fill(F::ZERO);
        let dropout = Dropout::new(self.network.dropout, 0, 0);
        let n_rows = self.samples.x.n_rows();
        let mut loss = 0.0;
        for start in (0..n_rows).step_by(ROWS) {
            ctx.check()?;
            let rows = RowSet::Range(start, (start + ROWS).min(n_rows));
            loss += self.work.pass(ctx, self.network, &self.packed, &self.values, &self.samples, rows, &dropout)?;
            let (mut weights, rest) = self.gradient.split_at_mut(shape.n_weights());
            let (mut intercepts, mut scales) = rest.split_at_mut(shape.n_intercepts());
            let mut parts = Vec::with_capacity(shape.n_layers());
            for layer in 0..shape.n_layers() {
                let fan_out = shape.fan_out(layer);
                let of_weights = shape.blocks(layer).map(|rows| cut(&mut weights, rows.len() * fan_out)).collect();
                let of_scales = shape.is_normalized(layer).then(|| cut(&mut scales, fan_out));
                parts.push((of_weights, cut(&mut intercepts, fan_out), of_scales));
            }
            self.work.gradient(ctx, self.network, &self.samples.x, rows, parts, |total, part, _| {
                total.iter_mut().zip(part).for_each(|(total, part)| *total += *part);
                0.0
            })?;
        }
        let (alpha, size) = (F::from_f64(self.alpha), F::from_f64(self.total));
        let mut squares = 0.0;
        for (at, (sum, &weight)) in self.gradient.iter().zip(&self.values).enumerate() {
            let penalised = if at < shape.n_weights() {
                squares += weight.to_f64() * weight.to_f64();
                *sum + alpha * weight
            } else {
                *sum
            };
            gradient[at] = (penalised / size).to_f64();
        }
        let size = self.samples.size(RowSet::Range(0, n_rows));
        Ok(loss / size + 0.5 * self.alpha * squares / self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;
    use crate::linalg::{Csr, Dense};
    use crate::neural_network::activation::Activation;
    use crate::neural_network::input::Input;
    use crate::neural_network::loss::Loss;
    use crate::neural_network::shape::Shape;

    const N: usize = 23;

    const ACTIVATIONS: [Activation; 8] = [
        Activation::Identity,
        Activation::Logistic,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Gelu,
        Activation::Softmax,
    ];
    const LOSSES: [Loss; 6] =
        [Loss::SquaredError, Loss::Poisson, Loss::LogLoss, Loss::BinaryLogLoss, Loss::AbsoluteError, Loss::Huber(0.4)];

    fn network(units: &[usize], hidden: Activation, loss: Loss) -> Network {
        let output = match loss {
            Loss::SquaredError | Loss::AbsoluteError | Loss::Huber(_) => Activation::Identity,
            Loss::Poisson => Activation::Exp,
            Loss::LogLoss => Activation::Softmax,
            Loss::BinaryLogLoss => Activation::Logistic,
        };
        let shape = Shape::new(units.to_vec()).expect("a shape");
        Network { shape, hidden, output, loss, residual: false, dropout: 0.0 }
    }

    /// The worst distance of the gradient from differences of the value, with weights and a penalty.
    fn worst(network: &Network, seed: u32) -> f64 {
        let mut random = Mt19937::seeded(seed);
        let mut draw = |len: usize| -> Vec<f64> { (0..len).map(|_| random.next_f64() - 0.5).collect() };
        let (n_features, n_outputs) = (network.shape.fan_in(0), network.shape.n_outputs());
        let (x, mut params) = (draw(N * n_features), draw(network.shape.n_params()));
        let weights: Vec<f64> = draw(N).iter().map(|w| w + 0.6).collect();
        let mut y = vec![0.0; N * n_outputs];
        for row in 0..N {
            y[row * n_outputs + row % n_outputs] = 1.0;
        }
        let dense = Dense::new(&x, N, n_features).expect("a table");
        let samples = Samples { x: Input::Dense(&dense), y: &y, weights: Some(&weights), sums_in_single: false };
        let mut objective = Objective::new(network, samples, 0.3, false).expect("memory");
        let (mut gradient, mut other) = (vec![0.0; params.len()], vec![0.0; params.len()]);
        objective.evaluate(&Context::serial(), &params, &mut gradient).expect("a value");
        let distances = (0..params.len()).map(|at| {
            let mut value = |by: f64| {
                params[at] += by;
                let value = objective.evaluate(&Context::serial(), &params, &mut other).expect("a value");
                params[at] -= by;
                value
            };
            (gradient[at] - (value(1e-6) - value(-1e-6)) / 2e-6).abs()
        });
        distances.fold(0.0, |worst, distance| if distance > worst || distance.is_nan() { distance } else { worst })
    }

    #[test]
    fn gradients_are_differences() {
        for hidden in ACTIVATIONS {
            for loss in LOSSES {
                // The gradient of squared errors is scikit-learn's, which fits the loss of one output only.
                let n_outputs = if loss == Loss::SquaredError { 1 } else { 3 };
                let distance = worst(&network(&[4, 18, 5, n_outputs], hidden, loss), 1);
                assert!(distance < 1e-6, "{hidden:?} {loss:?} {distance}");
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]

        /// Of every layer and loss, in any company.
        #[test]
        fn gradients_of_layers_are_differences(
            hidden in 0..ACTIVATIONS.len(),
            loss in 0..LOSSES.len(),
            units in proptest::collection::vec(1..7_usize, 0..4),
            is_wide in proptest::bool::ANY,
            normalizes in proptest::bool::ANY,
            residual in proptest::bool::ANY,
            dropout in proptest::sample::select(vec![0.0, 0.3]),
            seed in 0..1000_u32,
        ) {
            let (hidden, loss) = (ACTIVATIONS[hidden], LOSSES[loss]);
            let width = units.first().copied().unwrap_or(1);
            // Layers of one width may skip.
            let inner = units.iter().map(|&len| if is_wide { width + 1 } else { len });
            let n_outputs = if loss == Loss::SquaredError { 1 } else { 3 };
            let units: Vec<usize> = [4].into_iter().chain(inner).chain([n_outputs]).collect();
            let plain = network(&units, hidden, loss);
            let shape = if normalizes { plain.shape.normalized() } else { plain.shape };
            let network = Network { shape, residual, dropout, ..plain };
            let distance = worst(&network, seed);
            proptest::prop_assert!(distance < 1e-6, "{network:?} {distance}");
        }
    }

    #[test]
    fn sparse_rows_are_rows() {
        let network = network(&[40, 20, 2], Activation::Relu, Loss::LogLoss);
        let mut random = Mt19937::seeded(2);
        let params: Vec<f64> = (0..network.shape.n_params()).map(|_| random.next_f64() - 0.5).collect();
        let mut x = vec![0.0; N * 40];
        let (mut values, mut indices, mut starts) = (Vec::new(), Vec::new(), vec![0]);
        for row in 0..N {
            for column in (row % 5..40).step_by(7) {
                x[row * 40 + column] = random.next_f64();
                values.push(x[row * 40 + column]);
                indices.push(column as u32);
            }
            starts.push(values.len());
        }
        let y: Vec<f64> = (0..2 * N).map(|at| f64::from(u8::from((at / 2 + at) % 2 == 0))).collect();
        let (dense, csr) = (Dense::new(&x, N, 40).unwrap(), Csr::new(&values, &indices, &starts, 40).unwrap());
        let found = [Input::Dense(&dense), Input::Sparse(&csr)].map(|x| {
            let mut objective =
                Objective::new(&network, Samples { x, y: &y, weights: None, sums_in_single: false }, 0.1, false)
                    .unwrap();
            let mut gradient = vec![0.0; params.len()];
            let value = objective.evaluate(&Context::serial(), &params, &mut gradient).unwrap();
            (value, gradient)
        });
        assert!((found[0].0 - found[1].0).abs() < 1e-14);
        assert!(found[0].1.iter().zip(&found[1].1).all(|(a, b)| (a - b).abs() < 1e-14));
    }
}
