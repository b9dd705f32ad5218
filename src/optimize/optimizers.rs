//! Steps along gradients: momentum and Nesterov's, Adam, RMSprop.
//!
//! Parameters, gradient and what a rule remembers of earlier steps are flat buffers of one length; a step is one pass over
//! them and allocates nothing. Sums and products are taken in the order, and in the precision, in which scikit-learn's
//! neural networks take them, so that both follow the same path: a step of Adam is computed in double precision whatever
//! the parameters are.
//!
//! References: I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep
//! learning", 2013; D. Kingma, J. Ba, "Adam: A method for stochastic optimization", 2015; I. Loshchilov, F. Hutter,
//! "Decoupled weight decay regularization", 2019.

use crate::common::error::check_length;
use crate::common::simd::{Loops, compiled};
use crate::common::{Float, Result, memory};

/// How a step follows from the gradient and from the steps before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UpdateRule {
    /// A velocity that keeps a fraction of itself and gains the gradient.
    Momentum {
        /// The share; 0 is plain descent.
        momentum: f64,
        /// Whether the step is that of the velocity one step ahead.
        nesterov: bool,
    },
    /// The mean gradient in units of its size.
    Adam {
        /// What the mean keeps of itself.
        beta_1: f64,
        /// What the mean square keeps of itself.
        beta_2: f64,
        /// Added to the root of the mean square.
        epsilon: f64,
    },
    /// The gradient in units of its size.
    RmsProp {
        /// What the mean square keeps of itself.
        rho: f64,
        /// What the velocity keeps of itself.
        momentum: f64,
        /// Added to the root of the mean square.
        epsilon: f64,
    },
}

/// What a rule remembers.
#[derive(Debug, Clone)]
pub struct OptimizerState<F> {
    /// Velocities, or means of gradients. Shape (n_params,).
    pub exp_avg: Vec<F>,
    /// Means of squares. Shape (n_params,), or empty where the rule needs none.
    pub exp_avg_sq: Vec<F>,
    /// Steps taken.
    pub count: u64,
}

/// Takes steps.
#[derive(Debug, Clone)]
pub struct Optimizer<F> {
    rule: UpdateRule,
    memory: OptimizerState<F>,
}

impl<F: Float> Optimizer<F> {
    /// Before the first step, for `n_params` parameters.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(rule: UpdateRule, n_params: usize) -> Result<Self> {
        let squares = if matches!(rule, UpdateRule::Momentum { .. }) { 0 } else { n_params };
        let (exp_avg, exp_avg_sq) = (memory::try_filled(n_params, F::ZERO)?, memory::try_filled(squares, F::ZERO)?);
        Ok(Self { rule, memory: OptimizerState { exp_avg, exp_avg_sq, count: 0 } })
    }

    /// Goes on after the steps that `memory` is of.
    ///
    /// # Errors
    /// [`crate::common::Error::Shape`] unless it is one of `n_params` parameters and of this rule.
    pub fn resumed(rule: UpdateRule, n_params: usize, memory: OptimizerState<F>) -> Result<Self> {
        let squares = if matches!(rule, UpdateRule::Momentum { .. }) { 0 } else { n_params };
        check_length("first moments", memory.exp_avg.len(), n_params)?;
        check_length("second moments", memory.exp_avg_sq.len(), squares)?;
        Ok(Self { rule, memory })
    }

    /// One step of length `rate` down `gradient`; both slices have shape (n_params,).
    pub fn take(&mut self, params: &mut [F], gradient: &[F], rate: f64) {
        let (update, memory) = self.begin(rate);
        update.take(params, gradient, &mut memory.exp_avg, &mut memory.exp_avg_sq);
    }

    /// Begins a step of length `rate` that is taken part by part, each with the same part of the memory.
    pub fn begin(&mut self, rate: f64) -> (Update<F>, &mut OptimizerState<F>) {
        self.memory.count += 1;
        (Update::new(self.rule, self.memory.count, rate), &mut self.memory)
    }

    /// Lets a parameter lose its velocity.
    pub fn halt(&mut self, param: usize) {
        self.memory.exp_avg[param] = F::ZERO;
    }

    /// Steps taken so far.
    pub fn count(&self) -> u64 {
        self.memory.count
    }

    /// What is remembered after the last step.
    pub fn into_memory(self) -> OptimizerState<F> {
        self.memory
    }
}

/// A step of a rule, ready to be taken by any part of the parameters.
#[derive(Debug, Clone, Copy)]
pub struct Update<F> {
    rule: UpdateRule,
    keep_1: Keep<F>,
    keep_2: Keep<F>,
    rate: f64,
}

impl<F: Float> Update<F> {
    fn new(rule: UpdateRule, count: u64, rate: f64) -> Self {
        let (beta_1, beta_2, rate) = match rule {
            UpdateRule::Momentum { .. } => (0.0, 0.0, rate),
            UpdateRule::RmsProp { rho, .. } => (0.0, rho, rate),
            UpdateRule::Adam { beta_1, beta_2, .. } => {
                let count = count as f64;
                (beta_1, beta_2, rate * (1.0 - beta_2.powf(count)).sqrt() / (1.0 - beta_1.powf(count)))
            }
        };
        Self { rule, keep_1: Keep::fraction(beta_1), keep_2: Keep::fraction(beta_2), rate }
    }

    /// Moves `params` down `gradient`; `exp_avg` and `exp_avg_sq` are their part of [`OptimizerState`], all of one length (but for
    /// what is empty there).
    pub fn take(&self, params: &mut [F], gradient: &[F], exp_avg: &mut [F], exp_avg_sq: &mut [F]) {
        let Self { keep_1, keep_2, rate, .. } = *self;
        match self.rule {
            UpdateRule::Momentum { momentum, nesterov } => {
                let (momentum, rate) = (F::from_f64(momentum), F::from_f64(rate));
                if momentum == F::ZERO {
                    return compiled(Down { params, gradient, rate });
                }
                compiled(Along { params, gradient, velocity: exp_avg, momentum, rate, nesterov });
            }
            UpdateRule::Adam { epsilon, .. } => {
                let epsilon = F::from_f64(epsilon);
                compiled(Adam { params, gradient, mean: exp_avg, square: exp_avg_sq, keep_1, keep_2, epsilon, rate });
            }
            UpdateRule::RmsProp { momentum, epsilon, .. } => {
                let (momentum, epsilon, rate) = (F::from_f64(momentum), F::from_f64(epsilon), F::from_f64(rate));
                let keep = keep_2;
                compiled(RmsProp {
                    params,
                    gradient,
                    velocity: exp_avg,
                    square: exp_avg_sq,
                    keep,
                    momentum,
                    epsilon,
                    rate,
                });
            }
        }
    }
}

/// Scales parameters: with `keep` one less the rate times a penalty before a step of Adam, this is AdamW.
pub fn decay<F: Float>(params: &mut [F], keep: f64) {
    let keep = F::from_f64(keep);
    params.iter_mut().for_each(|param| *param *= keep);
}

/// The shares of a running mean.
#[derive(Debug, Clone, Copy)]
struct Keep<F> {
    old: F,
    new: F,
}

impl<F: Float> Keep<F> {
    fn fraction(old: f64) -> Self {
        Self { old: F::from_f64(old), new: F::from_f64(1.0 - old) }
    }

    #[inline(always)]
    fn mean(self, old: F, new: F) -> F {
        self.old * old + self.new * new
    }
}

/// Steps that remember nothing.
struct Down<'k, F> {
    params: &'k mut [F],
    gradient: &'k [F],
    rate: F,
}

impl<F: Float> Loops for Down<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.params.iter_mut().zip(self.gradient).for_each(|(param, &gradient)| *param -= self.rate * gradient);
    }
}

struct Along<'k, F> {
    params: &'k mut [F],
    gradient: &'k [F],
    velocity: &'k mut [F],
    momentum: F,
    rate: F,
    nesterov: bool,
}

impl<F: Float> Loops for Along<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { momentum, rate, .. } = self;
        let buffers = self.params.iter_mut().zip(self.gradient).zip(self.velocity.iter_mut());
        if self.nesterov {
            for ((param, &gradient), velocity) in buffers {
                *velocity = momentum * *velocity - rate * gradient;
                *param += momentum * *velocity - rate * gradient;
            }
        } else {
            for ((param, &gradient), velocity) in buffers {
                *velocity = momentum * *velocity - rate * gradient;
                *param += *velocity;
            }
        }
    }
}

struct Adam<'k, F> {
    params: &'k mut [F],
    gradient: &'k [F],
    mean: &'k mut [F],
    square: &'k mut [F],
    keep_1: Keep<F>,
    keep_2: Keep<F>,
    epsilon: F,
    rate: f64,
}

impl<F: Float> Loops for Adam<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let moments = self.mean.iter_mut().zip(self.square.iter_mut());
        for ((param, &gradient), (mean, square)) in self.params.iter_mut().zip(self.gradient).zip(moments) {
            *mean = self.keep_1.mean(*mean, gradient);
            *square = self.keep_2.mean(*square, gradient * gradient);
            let size = (square.sqrt() + self.epsilon).to_f64();
            *param = F::from_f64(param.to_f64() + -self.rate * mean.to_f64() / size);
        }
    }
}

struct RmsProp<'k, F> {
    params: &'k mut [F],
    gradient: &'k [F],
    velocity: &'k mut [F],
    square: &'k mut [F],
    keep: Keep<F>,
    momentum: F,
    epsilon: F,
    rate: F,
}

impl<F: Float> Loops for RmsProp<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let moments = self.velocity.iter_mut().zip(self.square.iter_mut());
        for ((param, &gradient), (velocity, square)) in self.params.iter_mut().zip(self.gradient).zip(moments) {
            *square = self.keep.mean(*square, gradient * gradient);
            *velocity = self.momentum * *velocity - self.rate * gradient / (square.sqrt() + self.epsilon);
            *param += *velocity;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::simd::{Isa, compiled_to};

    const ADAM: UpdateRule = UpdateRule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 };

    /// Three steps with gradients that a float32 holds exactly, from three parameters.
    fn walk<F: Float>(rule: UpdateRule) -> Vec<f64> {
        let mut params: Vec<F> = [0.5, -1.25, 2.0].map(F::from_f64).to_vec();
        let mut steps = Optimizer::new(rule, 3).expect("memory");
        for gradient in [[1.0, -0.5, 0.125], [0.5, 0.75, -3.0], [-0.25, 2.0, 0.0]] {
            steps.take(&mut params, &gradient.map(F::from_f64), 0.1);
        }
        params.iter().map(|param| param.to_f64()).collect()
    }

    #[test]
    fn plain_steps_are_the_rate_times_the_gradient() {
        let found = walk::<f64>(UpdateRule::Momentum { momentum: 0.0, nesterov: false });
        assert_eq!(
            found,
            [((0.5 - 0.1) - 0.05) + 0.025, ((-1.25 + 0.05) - 0.75 * 0.1) - 0.2, (2.0 - 0.0125) + 3.0 * 0.1]
        );
        let ahead = walk::<f64>(UpdateRule::Momentum { momentum: 0.0, nesterov: true });
        assert_eq!(ahead, found);
    }

    #[test]
    fn steps_are_those_of_scikit_learn_to_the_last_bit() {
        let along = |nesterov| UpdateRule::Momentum { momentum: 0.9, nesterov };
        // What its optimisers make of the same gradients.
        assert_eq!(walk::<f64>(along(false)), [0.15899999999999997, -1.457, 2.536125]);
        assert_eq!(walk::<f64>(along(true)), [0.06809999999999991, -1.6613000000000002, 2.7700125000000004]);
        assert_eq!(walk::<f64>(ADAM), [0.25041597203575633, -1.2408795290648438, 2.0268783468722305]);
        assert_eq!(walk::<f32>(along(false)), [0.1589999794960022, -1.4570000171661377, 2.5361249446868896]);
        assert_eq!(walk::<f32>(along(true)), [0.06809999793767929, -1.6612999439239502, 2.770012617111206]);
        assert_eq!(walk::<f32>(ADAM), [0.25041598081588745, -1.2408795356750488, 2.0268783569335938]);
    }

    #[test]
    fn rms_steps_are_of_the_size_of_the_rate() {
        let found = walk::<f64>(UpdateRule::RmsProp { rho: 0.5, momentum: 0.0, epsilon: 0.0 });
        let (mut param, mut square) = (0.5, 0.0);
        for gradient in [1.0, 0.5, -0.25_f64] {
            square = 0.5 * square + 0.5 * gradient * gradient;
            param -= 0.1 * gradient / f64::sqrt(square);
        }
        assert!((found[0] - param).abs() < 1e-15, "{found:?}");
    }

    #[test]
    fn every_instruction_set_takes_the_same_steps() {
        let gradient: Vec<f32> = (0..77).map(|i| ((i * 37 % 19) as f32 - 9.0) / 7.0).collect();
        let outcomes: Vec<Vec<f32>> = [Isa::Portable, Isa::Avx2, Isa::Avx512]
            .into_iter()
            .filter(|isa| isa.is_available())
            .map(|isa| {
                let (mut params, mut mean, mut square) = (vec![1.0_f32; 77], vec![0.5; 77], vec![0.25; 77]);
                let (keep_1, keep_2) = (Keep::fraction(0.9), Keep::fraction(0.999));
                let (epsilon, rate) = (1e-8, 0.01);
                let [params_, mean, square] = [&mut params, &mut mean, &mut square];
                let adam = Adam { params: params_, gradient: &gradient, mean, square, keep_1, keep_2, epsilon, rate };
                compiled_to(isa, adam);
                params
            })
            .collect();
        assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn a_walk_may_be_interrupted() {
        let gradients = [[1.0, -0.5], [0.5, 0.75], [-0.25, 2.0]];
        let mut whole = ([0.0, 1.0], Optimizer::new(ADAM, 2).expect("memory"));
        let mut parts = ([0.0, 1.0], Optimizer::new(ADAM, 2).expect("memory"));
        for gradient in &gradients {
            whole.1.take(&mut whole.0, gradient, 0.1);
            parts.1.take(&mut parts.0, gradient, 0.1);
            parts.1 = Optimizer::resumed(ADAM, 2, parts.1.into_memory()).expect("its own memory");
        }
        assert_eq!(whole.0, parts.0);
        assert_eq!(parts.1.count(), 3);
        assert!(Optimizer::resumed(ADAM, 3, parts.1.into_memory()).is_err());
    }

    #[test]
    fn what_is_halted_stays_without_a_gradient() {
        let mut steps = Optimizer::new(UpdateRule::Momentum { momentum: 0.9, nesterov: false }, 2).expect("memory");
        let mut params = [0.0, 0.0];
        steps.take(&mut params, &[1.0, 1.0], 0.5);
        steps.halt(0);
        steps.take(&mut params, &[0.0, 0.0], 0.5);
        assert_eq!(params[0], -0.5);
        assert!(params[1] < -0.9);
    }

    #[test]
    fn decay_shrinks() {
        let mut params = [2.0, -4.0];
        decay(&mut params, 0.75);
        assert_eq!(params, [1.5, -3.0]);
    }
}
