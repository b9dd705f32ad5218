//! One problem for all classes: `½ Σ |w_m|² + Σ cost · max(0, 1 + w_m·x - w_y·x)` over the worst class `m` of each
//! sample, by coordinate descent on the dual, all classes of a sample at a time: `α_m <= 0` but for that of the own
//! class, which is at most the cost, and together they are zero; `w_m = Σ α_m x`.
//!
//! Classes of a sample that are at their bound and stay there are left out, and samples with one class left.
//!
//! Reference: K. Crammer, Y. Singer, "On the algorithmic implementation of multiclass kernel-based vector machines",
//! JMLR 2 (2001); the appendix of the LIBLINEAR paper.

use super::active::{Active, Verdict, visit};
use super::samples::Samples;
use super::train::Solution;
use crate::common::random::Mt19937;
use crate::common::{Context, Float, Result, memory};
use crate::linalg::linear::Linear;

/// Violation, and change of a dual, that are not worth a step.
const NOTHING: f64 = 1e-12;
/// Passes; scikit-learn hands no limit of its own on.
const MAX_PASSES: usize = 100_000;

/// The classes of each sample that are still looked at.
struct Candidates {
    n_classes: usize,
    /// All classes of each sample, those that are looked at first, shape (n_samples, n_classes).
    order: Vec<u32>,
    /// How many are looked at, shape (n_samples,).
    len: Vec<usize>,
    /// Where the own class is in the order, shape (n_samples,).
    own: Vec<usize>,
}

/// `samples.targets` are classes below `n_classes`. The coefficients are those of all classes in turn.
pub(super) fn solve<F: Float, R: Linear<F>>(
    ctx: &Context,
    samples: &Samples<F, R>,
    n_classes: usize,
    tol: f64,
    random: &mut Mt19937,
) -> Result<Solution> {
    let (len, width) = (samples.len(), samples.width());
    let mut coef = memory::try_filled(memory::checked_len(n_classes, width)?, 0.0)?;
    let mut alphas = memory::try_filled(memory::checked_len(len, n_classes)?, 0.0)?;
    let mut squares = memory::try_with_capacity(len)?;
    squares.extend((0..len).map(|sample| samples.square(sample, 0.0)));
    let mut candidates = Candidates::new(samples, n_classes)?;
    let mut active = Active::new(len)?;
    let (mut gradients, mut found) = (Vec::new(), Vec::new());
    let (mut enough, mut saw_all) = (1.0_f64.max(10.0 * tol), true);
    let mut n_iter = 0;
    while n_iter < MAX_PASSES {
        let mut most = f64::NEG_INFINITY;
        active.shuffle(random);
        visit(ctx, &mut active, |sample, soon| {
            samples.fetch(soon);
            let (square, cost) = (squares[sample], samples.costs[sample]);
            if square.is_nan() || square <= 0.0 {
                return Verdict::Keep;
            }
            let alphas = &mut alphas[sample * n_classes..][..n_classes];
            gradients.clear();
            for (position, &class) in candidates.of(sample).iter().enumerate() {
                let offset = if position == candidates.own[sample] { 0.0 } else { 1.0 };
                gradients.push(samples.dot(sample, &coef[class as usize * width..][..width], offset));
            }
            let (lowest, highest) = candidates.range(sample, &gradients, alphas, cost);
            candidates.shrink(sample, &mut gradients, alphas, cost, lowest);
            let classes = candidates.of(sample);
            if classes.len() <= 1 {
                return Verdict::Drop;
            }
            if highest - lowest <= NOTHING {
                return Verdict::Keep;
            }
            most = most.max(highest - lowest);
            let own = candidates.own[sample];
            // What the gradients would be without the sample.
            gradients.truncate(classes.len());
            gradients
                .iter_mut()
                .zip(classes)
                .for_each(|(gradient, &class)| *gradient -= square * alphas[class as usize]);
            best_alphas(&gradients, own, square, cost, &mut found);
            for (&class, &alpha) in classes.iter().zip(&found) {
                let class = class as usize;
                let change = alpha - alphas[class];
                alphas[class] = alpha;
                if change.abs() >= NOTHING {
                    samples.add(sample, change, &mut coef[class * width..][..width]);
                }
            }
            Verdict::Keep
        })?;
        n_iter += 1;
        if most >= enough {
            saw_all = false;
            continue;
        }
        if most < tol && saw_all {
            break;
        }
        active.widen();
        candidates.len.fill(n_classes);
        enough = tol.max(0.5 * enough);
        saw_all = true;
    }
    Ok(Solution { coef, n_iter })
}

/// The best duals of a sample: those of the classes in order, given their gradients without it, shape (n_candidates,).
fn best_alphas(gradients: &[f64], own: usize, square: f64, cost: f64, found: &mut Vec<f64>) {
    found.clear();
    found.extend_from_slice(gradients);
    if let Some(gradient) = found.get_mut(own) {
        *gradient += square * cost;
    }
    found.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut level = found[0] - square * cost;
    let mut count = 1;
    while count < found.len() && level < count as f64 * found[count] {
        level += found[count];
        count += 1;
    }
    level /= count as f64;
    found.clear();
    let bound = |position| if position == own { cost } else { 0.0 };
    found.extend(
        gradients.iter().enumerate().map(|(position, gradient)| ((level - gradient) / square).min(bound(position))),
    );
}

impl Candidates {
    fn new<F: Float, R: Linear<F>>(samples: &Samples<F, R>, n_classes: usize) -> Result<Self> {
        let len = samples.len();
        let mut order = memory::try_with_capacity(memory::checked_len(len, n_classes)?)?;
        (0..len).for_each(|_| order.extend(0..n_classes as u32));
        let mut own = memory::try_with_capacity(len)?;
        own.extend(samples.targets.iter().map(|&target| target as usize));
        Ok(Self { n_classes, order, len: memory::try_filled(len, n_classes)?, own })
    }

    fn of(&self, sample: usize) -> &[u32] {
        &self.order[sample * self.n_classes..][..self.len[sample]]
    }

    /// The lowest gradient of those that may fall, and the highest of all.
    fn range(&self, sample: usize, gradients: &[f64], alphas: &[f64], cost: f64) -> (f64, f64) {
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for (position, (&gradient, &class)) in gradients.iter().zip(self.of(sample)).enumerate() {
            let alpha = alphas[class as usize];
            if alpha < 0.0 || (position == self.own[sample] && alpha < cost) {
                lowest = lowest.min(gradient);
            }
            highest = highest.max(gradient);
        }
        (lowest, highest)
    }

    /// Leaves out classes at their bound whose gradient is below all that may fall; `gradients` go along.
    fn shrink(&mut self, sample: usize, gradients: &mut [f64], alphas: &[f64], cost: f64, lowest: f64) {
        let order = &mut self.order[sample * self.n_classes..][..self.n_classes];
        let (len, own) = (&mut self.len[sample], &mut self.own[sample]);
        let is_out = |position: usize, order: &[u32], gradients: &[f64], own: usize| {
            let bound = if position == own { cost } else { 0.0 };
            alphas[order[position] as usize] == bound && gradients[position] < lowest
        };
        let mut position = 0;
        while position < *len {
            if is_out(position, order, gradients, *own) {
                *len -= 1;
                while *len > position {
                    if !is_out(*len, order, gradients, *own) {
                        order.swap(position, *len);
                        gradients.swap(position, *len);
                        if *own == *len {
                            *own = position;
                        } else if *own == position {
                            *own = *len;
                        }
                        break;
                    }
                    *len -= 1;
                }
            }
            position += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duals_of_a_sample_add_up_to_zero_within_their_bounds() {
        let mut found = Vec::new();
        for (own, cost) in [(0, 0.3), (1, 10.0), (2, 1e-3)] {
            best_alphas(&[0.5, -0.25, 2.0, 1.5], own, 2.0, cost, &mut found);
            assert!(found.iter().sum::<f64>().abs() < 1e-12, "{found:?}");
            assert!(found.iter().enumerate().all(|(class, &alpha)| alpha <= if class == own { cost } else { 0.0 }));
        }
    }
}
