use super::*;
use crate::common::Error;
use crate::linalg::{Csr, Dense};

struct Nobody;

impl<F> Watch<F> for Nobody {
    fn begins(&self) -> Result<()> {
        Ok(())
    }

    fn ended(&self, _epoch: &Epoch<F>) -> Result<bool> {
        Ok(false)
    }
}

const PLAIN: Params = Params {
    loss: Loss::SquaredError,
    n_outputs: 1,
    penalty: Penalty { l1: 0.0, l2: 0.0, decays: false },
    fit_intercept: true,
    batch_size: usize::MAX,
    rule: UpdateRule::Momentum { momentum: 0.0, nesterov: false },
    schedule: Schedule::Constant,
    eta0: None,
    max_iter: 50,
    epochs_before: 0,
    tol: None,
    n_iter_no_change: 5,
    shuffle: true,
};

fn noise(seed: u32, len: usize) -> Vec<f64> {
    let mut random = Mt19937::seeded(seed);
    (0..len).map(|_| random.next_f64() * 2.0 - 1.0).collect()
}

fn descend<F: Float, X: Margins<F>>(samples: &Samples<X, F>, options: &Params) -> Result<Fit<F>> {
    let n_params = options.n_outputs * (samples.x.n_cols() + 1);
    let start = (vec![F::ZERO; n_params], None);
    fit(&Context::serial(), samples, None, start, options, &mut Mt19937::seeded(0), &Nobody)
}

#[test]
fn gradients_of_an_objective_are_differences_of_its_values() {
    let (n_rows, n_cols) = (23, 5);
    let (values, weights) = (noise(1, n_rows * n_cols), noise(2, n_rows).iter().map(|w| w + 1.5).collect::<Vec<_>>());
    let x = Dense::new(&values, n_rows, n_cols).expect("shape");
    for (loss, n_outputs) in [(Loss::SquaredError, 1), (Loss::Huber(0.4), 1), (Loss::Binary, 1), (Loss::Categorical, 3)]
    {
        let y: Vec<f64> =
            (0..n_rows).map(|row| if n_outputs > 1 { (row % 3) as f64 } else { (row % 2) as f64 }).collect();
        let samples = Samples { x: &x, y: &y, weights: Some(&weights) };
        let objective = Objective::new(&samples, loss, n_outputs);
        let (mut buffers, params) = (objective.buffers().expect("memory"), noise(3, n_outputs * (n_cols + 1)));
        let mut gradients = vec![0.0; params.len()];
        let penalty = Penalty { l1: 0.3, l2: 0.7, decays: false };
        let mut at = |params: &[f64], gradients: &mut [f64]| {
            let rows = RowSet::Range(0, n_rows);
            let ctx = Context::serial();
            let loss =
                objective.gradients(&ctx, rows, params, &mut buffers, gradients).expect("memory") / n_rows as f64;
            let n_coef = objective.n_coef();
            loss + penalty.add(&params[..n_coef], &mut gradients[..n_coef])
        };
        at(&params, &mut gradients);
        for param in 0..params.len() {
            let mut near = |by: f64| {
                let mut moved = params.clone();
                moved[param] += by;
                at(&moved, &mut vec![0.0; params.len()])
            };
            let gradient = (near(1e-6) - near(-1e-6)) / 2e-6;
            assert!((gradients[param] - gradient).abs() < 1e-6, "{loss:?} {param}: {} {gradient}", gradients[param]);
        }
    }
}

#[test]
fn the_safe_rate_never_goes_up() {
    let (n_rows, n_cols) = (40, 6);
    let values: Vec<f64> = noise(4, n_rows * n_cols).iter().map(|value| 30.0 * value).collect();
    let x = Dense::new(&values, n_rows, n_cols).expect("shape");
    for (loss, n_outputs) in [(Loss::SquaredError, 1), (Loss::Huber(0.4), 1), (Loss::Binary, 1), (Loss::Categorical, 3)]
    {
        let y: Vec<f64> =
            (0..n_rows).map(|row| if n_outputs > 1 { (row % 3) as f64 } else { (row % 2) as f64 }).collect();
        let penalty = Penalty { l1: 0.0, l2: 2.0, decays: false };
        let fit = descend(&Samples { x: &x, y: &y, weights: None }, &Params { loss, n_outputs, penalty, ..PLAIN })
            .expect("memory");
        assert!(fit.losses.windows(2).all(|pair| pair[1] <= pair[0] + 1e-15), "{loss:?}");
        assert!(fit.losses[49] < fit.losses[0] && fit.end == End::Exhausted);
    }
}

#[test]
fn storage_of_rows_changes_rounding_alone() {
    let (n_rows, n_cols) = (31, 4);
    let values = noise(5, n_rows * n_cols);
    let starts: Vec<usize> = (0..=n_rows).map(|row| row * n_cols).collect();
    let indices: Vec<u32> = (0..n_rows * n_cols).map(|at| (at % n_cols) as u32).collect();
    let y: Vec<f64> = (0..n_rows).map(|row| (row % 2) as f64).collect();
    let options = Params { loss: Loss::Binary, batch_size: 3, max_iter: 5, ..PLAIN };
    let x = Dense::new(&values, n_rows, n_cols).expect("shape");
    let dense = descend(&Samples { x: &x, y: &y, weights: None }, &options).expect("memory");
    let x = Csr::new(&values, &indices, &starts, n_cols).expect("parts");
    let csr = descend(&Samples { x: &x, y: &y, weights: None }, &options).expect("memory");
    assert!(dense.params.iter().zip(&csr.params).all(|(a, b)| (a - b).abs() < 1e-14));
}

#[test]
fn what_the_penalty_holds_is_zero_whatever_the_steps() {
    let (n_rows, n_cols) = (60, 3);
    let values = noise(6, n_rows * n_cols);
    // The last feature has nothing to say.
    let y: Vec<f64> = values.chunks_exact(n_cols).map(|row| 2.0 * row[0] - row[1]).collect();
    let x = Dense::new(&values, n_rows, n_cols).expect("shape");
    let penalty = Penalty { l1: 0.05, l2: 0.0, decays: false };
    for rule in [
        UpdateRule::Momentum { momentum: 0.0, nesterov: false },
        UpdateRule::Momentum { momentum: 0.9, nesterov: false },
        UpdateRule::Momentum { momentum: 0.9, nesterov: true },
    ] {
        let options = Params { penalty, rule, max_iter: 2000, ..PLAIN };
        let fit = descend(&Samples { x: &x, y: &y, weights: None }, &options).expect("memory");
        assert!(fit.params[2] == 0.0 && fit.params[0] > 1.5 && fit.params[1] < -0.5, "{rule:?} {:?}", fit.params);
    }
}

#[test]
fn steps_that_are_too_long_are_noticed() {
    let x = Dense::new(&[10.0, 20.0, 30.0], 3, 1).expect("shape");
    let samples = Samples { x: &x, y: &[1.0, 2.0, 3.0], weights: None };
    let options = Params { eta0: Some(1.0), max_iter: 1000, ..PLAIN };
    let fit = descend(&samples, &options).expect("memory");
    assert!(fit.end == End::Diverged && fit.losses.len() < 200);
}

#[test]
fn classes_without_a_margin_are_refused() {
    let x = Dense::new(&[1.0, 2.0], 2, 1).expect("shape");
    let samples = Samples { x: &x, y: &[0.0, 3.0], weights: None };
    let options = Params { loss: Loss::Categorical, n_outputs: 3, ..PLAIN };
    assert!(matches!(descend(&samples, &options), Err(Error::InvalidArgument(_))));
    assert!(descend(&samples, &Params { n_outputs: 2, ..PLAIN }).is_err());
}
