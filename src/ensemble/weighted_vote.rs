//! What the trees of a boosted ensemble say of samples, together: each has a weight of its own.
//!
//! Classes are elected (SAMME): a tree gives its weight to the class it says, and takes a fraction of it from every other.
//! Numbers are weighted medians (AdaBoost.R2): of the trees' answers in ascending order, the first at which half of the
//! weight is reached. Which of two equal answers comes first is up to the sort, and it changes how the sum of the weights
//! before a third is rounded. So a median counts as found only where no order of equal answers could give another; the
//! others are left to the caller.
//!
//! References: J. Zhu, H. Zou, S. Rosset, T. Hastie, "Multi-class AdaBoost", Statistics and its Interface 2 (2009);
//! H. Drucker, "Improving regressors using boosting techniques", ICML 1997.

use super::vote::{Member, combined, parts};
use crate::common::context::{Blocks, Context};
use crate::common::error::check_length;
use crate::common::{Error, Result, memory, parallel};
use crate::tree::walk::{BLOCK_ROWS, BLOCKS, Samples, largest};

/// Votes for each class, shape (n_samples, `n_classes`), `n_classes` > 1. `weights` has one for each tree.
///
/// # Errors
/// Weights that do not fit, a tree that is none, memory refused, or an interruption.
pub fn votes(
    ctx: &Context,
    members: &[Member],
    n_classes: usize,
    samples: Samples,
    weights: &[f64],
) -> Result<Vec<f64>> {
    check_length("weights", weights.len(), members.len())?;
    let fraction = -1.0 / (n_classes as f64 - 1.0);
    let widths = (n_classes, n_classes);
    combined(ctx, members, widths, samples, |tree, votes, outputs| {
        let (weight, elected) = (weights[tree], largest(outputs));
        for (class, vote) in votes.iter_mut().enumerate() {
            *vote += if class == elected { weight } else { fraction * weight };
        }
    })
}

/// Weighted medians, shape (n_samples,), NaN where rounding decides; and these samples. `weights` has one for each tree,
/// finite and not negative.
///
/// # Errors
/// As [`votes`].
pub fn medians(ctx: &Context, members: &[Member], samples: Samples, weights: &[f64]) -> Result<(Vec<f64>, Vec<i64>)> {
    let n_trees = members.len();
    check_length("weights", weights.len(), n_trees)?;
    if n_trees == 0 {
        return Err(Error::Corrupt("estimators_ must hold a tree"));
    }
    let mut outputs = combined(ctx, members, (1, n_trees), samples, |tree, all, outputs| all[tree] = outputs[0])?;
    let mut found = memory::try_filled(samples.n_rows(), 0.0)?;
    let blocks = Blocks::new(samples.n_rows(), BLOCK_ROWS, BLOCKS);
    let jobs = parts(&blocks, &mut outputs, n_trees).into_iter().zip(parts(&blocks, &mut found, 1)).collect();
    let open = parallel::map(ctx, jobs, |((range, outputs), (_, found))| {
        let mut order = memory::try_with_capacity(n_trees)?;
        let mut open = Vec::new();
        for ((row, outputs), found) in range.zip(outputs.chunks_exact(n_trees)).zip(found) {
            order.clear();
            order.extend(outputs.iter().copied().zip(weights.iter().copied()));
            *found = median(&mut order).unwrap_or(f64::NAN);
            if found.is_nan() {
                open.push(row as i64);
            }
        }
        Ok(open)
    })?;
    Ok((found, open.concat()))
}

/// The weighted median of (answer, weight), which end up sorted; None where the order of equal answers may decide.
fn median(predictions: &mut [(f64, f64)]) -> Option<f64> {
    predictions.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = predictions.iter().map(|prediction| prediction.1).sum();
    let half = 0.5 * total;
    // More than two sums of these weights can differ by, whatever their orders.
    let slack = 2.0 * predictions.len() as f64 * f64::EPSILON * total;
    let (mut before, mut rest) = (None::<f64>, &*predictions);
    while let Some(&(prediction, _)) = rest.first() {
        let (equal, others) = rest.split_at(rest.partition_point(|other| other.0 <= prediction));
        if equal.is_empty() {
            return None; // not a number
        }
        let sum = equal.iter().fold(before.unwrap_or(0.0), |sum, equal| sum + equal.1);
        if sum >= half || others.is_empty() {
            let is_here = before.is_none_or(|before| before + slack < half);
            let is_reached = others.is_empty() || sum - slack >= half;
            // Zeros of both signs are equal, but not the same answer.
            let is_one = equal.iter().all(|equal| equal.0.to_bits() == prediction.to_bits());
            return (is_here && is_reached && is_one).then_some(prediction);
        }
        (before, rest) = (Some(sum), others);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Node;

    /// A tree without splits.
    fn leaf(values: &[f64]) -> (Vec<Node>, Vec<f64>) {
        (vec![Node::leaf(0.0, 1, 1.0)], values.to_vec())
    }

    fn members(trees: &[(Vec<Node>, Vec<f64>)]) -> Vec<Member<'_>> {
        trees.iter().map(|(nodes, values)| Member { nodes, values }).collect()
    }

    #[test]
    fn a_vote_for_one_class_is_against_the_others() -> Result<()> {
        let ctx = Context::serial();
        let trees = [leaf(&[0.2, 0.5, 0.3]), leaf(&[0.4, 0.2, 0.4])];
        let found = votes(&ctx, &members(&trees), 3, Samples::Dense(&[0.0], 1), &[1.0, 4.0])?;
        assert_eq!(found, [-0.5 + 4.0, 1.0 - 2.0, -0.5 - 2.0]);
        assert!(votes(&ctx, &members(&trees), 3, Samples::Dense(&[0.0], 1), &[1.0]).is_err());
        Ok(())
    }

    #[test]
    fn half_of_the_weight_is_reached() -> Result<()> {
        let ctx = Context::serial();
        let trees = [leaf(&[3.0]), leaf(&[1.0]), leaf(&[2.0])];
        for (weights, expected) in [([1.0, 1.0, 1.0], 2.0), ([9.0, 1.0, 1.0], 3.0), ([0.1, 5.0, 0.2], 1.0)] {
            for rows in [1, 40] {
                let samples = vec![0.0; rows];
                let (found, open) = medians(&ctx, &members(&trees), Samples::Dense(&samples, 1), &weights)?;
                assert_eq!((found, open), (vec![expected; rows], vec![]));
            }
        }
        Ok(())
    }

    #[test]
    fn what_rounding_decides_is_left_open() {
        // 0.1 + 0.2 is more than 0.3, and in no order is it certain that half of 0.6 is reached before the last.
        assert_eq!(median(&mut [(1.0, 0.1), (1.0, 0.2), (2.0, 0.3)]), None);
        assert_eq!(median(&mut [(1.0, 0.1), (1.0, 0.2), (2.0, 0.2)]), Some(1.0));
        assert_eq!(median(&mut [(0.0, 1.0), (-0.0, 1.0), (2.0, 0.5)]), None);
        assert_eq!(median(&mut [(f64::NAN, 1.0)]), None);
        assert_eq!(median(&mut [(-f64::NAN, 1.0), (1.0, 1.0)]), None);
        assert_eq!(median(&mut [(5.0, 0.0), (5.0, 0.0)]), Some(5.0));
    }
}
