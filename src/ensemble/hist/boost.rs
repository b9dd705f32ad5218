//! The boosting loop.
//!
//! Each iteration grows a tree, or one for each class, on the gradients and hessians of the loss at the predictions so
//! far, and adds what its leaves say. Gradients and hessians are rounded to single precision, as scikit-learn's are.

use super::bins::Bins;
use super::grow::{self, DrawFeatures, Params as TreeParams, Tree, Workspace};
use super::histogram::Gradients;
use super::loss::{Derivatives as At, Loss, WithDerivatives, softmax};
use super::predictor::{Predictor, add_binned};
use crate::common::context::{Blocks, Context};
use crate::common::error::check_length;
use crate::common::simd::{Loops, compiled};
use crate::common::{Error, Result, memory, pairwise, parallel};
use crate::ensemble::line_search::quantile;

/// Rows of a block at least, and blocks at most.
const BLOCK_ROWS: usize = 4096;
const BLOCKS: usize = 64;
/// Classes whose probabilities are found without an allocation.
const FEW_CLASSES: usize = 32;

/// What is made smaller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// A loss of one raw prediction.
    Single(Loss),
    /// Half of the multinomial deviance, of so many classes.
    Multinomial(usize),
}

/// Rows to learn from, or to stop by.
#[derive(Debug)]
pub struct Rows<'a> {
    /// Their bins.
    pub bins: Bins,
    /// Targets: numbers, or codes of classes.
    pub targets: &'a [f64],
    /// Weights; None: all 1.
    pub weights: Option<&'a [f64]>,
    /// Predictions so far, by tree of an iteration.
    pub raw: Vec<Vec<f64>>,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub struct Stopping {
    /// Iterations without a better score that are waited for.
    pub n_iter_no_change: usize,
    /// By how much a score must be better.
    pub tol: f64,
}

/// Parameters.
#[derive(Debug)]
pub struct Params<'a> {
    /// Those of a tree.
    pub tree: TreeParams<'a>,
    /// Edges of each feature.
    pub edges: &'a [&'a [f64]],
    /// What is made smaller.
    pub objective: Objective,
    /// Iterations at most.
    pub max_iter: usize,
    /// Whether to score by the loss, and when to stop by it.
    pub stopping: Option<Stopping>,
}

/// Scores: the negative loss before the first iteration and after each.
#[derive(Debug, Default)]
pub struct Scores {
    /// Of the rows that are learnt from.
    pub train: Vec<f64>,
    /// Of the others.
    pub validation: Vec<f64>,
}

impl Objective {
    /// Trees per iteration.
    pub fn n_trees(self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Multinomial(n_classes) => n_classes,
        }
    }
}

/// Boosts. `scores` has those of earlier iterations, if there were any. `after` is told of each iteration: its trees and
/// the predictions with them; it says whether to stop.
///
/// # Errors
/// Arguments that do not fit together, gradients that are not finite, memory refused, an interruption, or one of `after`.
pub fn fit(
    ctx: &Context,
    train: &mut Rows,
    mut validation: Option<&mut Rows>,
    params: &Params,
    scores: &mut Scores,
    mut draw: Option<&mut DrawFeatures>,
    mut after: impl FnMut(Vec<Predictor>, &Rows, Option<&Rows>) -> Result<bool>,
) -> Result<()> {
    let n_trees = params.objective.n_trees();
    for rows in [Some(&*train), validation.as_deref()].into_iter().flatten() {
        check_length("targets", rows.targets.len(), rows.bins.n_rows())?;
        check_length("weights", rows.weights.map_or(rows.bins.n_rows(), <[f64]>::len), rows.bins.n_rows())?;
        check_length("predictions", rows.raw.len(), n_trees)?;
        rows.raw.iter().try_for_each(|raw| check_length("predictions", raw.len(), rows.bins.n_rows()))?;
    }
    let mut workspace = Workspace::default();
    let has_unit_hessian =
        train.weights.is_none() && matches!(params.objective, Objective::Single(loss) if loss.has_unit_hessian());
    let gradients = (0..n_trees).map(|_| Gradients::new(train.bins.n_rows(), has_unit_hessian));
    let mut gradients = gradients.collect::<Result<Vec<_>>>()?;
    if let Some(stopping) = &params.stopping
        && scores.train.is_empty()
        && score(ctx, train, validation.as_deref(), params, scores, stopping)?
    {
        return Ok(());
    }
    for _ in 0..params.max_iter {
        differentiate(ctx, train, params.objective, &mut gradients)?;
        let mut predictors = Vec::new();
        for (k, gradients) in gradients.iter().enumerate() {
            let draw = draw.as_mut().map(|draw| &mut **draw as &mut DrawFeatures);
            let mut tree = grow::grow(ctx, &train.bins, gradients, &params.tree, draw, &mut workspace)?;
            if let Objective::Single(loss) = params.objective
                && let Some(percent) = loss.percent()
            {
                set_leaves(ctx, &mut tree, train, percent, params.tree.learning_rate)?;
            }
            predictors.push(Predictor::new(&tree, params.edges)?);
            for leaf in tree.nodes.iter().filter(|node| node.children.is_none()) {
                tree.rows[leaf.rows.clone()].iter().for_each(|&row| train.raw[k][row as usize] += leaf.value);
            }
            if let Some(validation) = validation.as_deref_mut() {
                add_to(ctx, &tree, validation, k, params.tree.rules.missing)?;
            }
        }
        let mut stops = after(predictors, train, validation.as_deref())?;
        if let Some(stopping) = &params.stopping {
            stops |= score(ctx, train, validation.as_deref(), params, scores, stopping)?;
        }
        if stops {
            break;
        }
    }
    Ok(())
}

/// Adds what a tree says to the predictions of other rows.
fn add_to(ctx: &Context, tree: &Tree, rows: &mut Rows, k: usize, missing: u8) -> Result<()> {
    let blocks = Blocks::new(rows.bins.n_rows(), BLOCK_ROWS, BLOCKS);
    let jobs = blocks.ranges().zip(rows.raw[k].chunks_mut(blocks.rows())).collect();
    let bins = &rows.bins;
    parallel::map(ctx, jobs, |(range, raw): (std::ops::Range<usize>, &mut [f64])| {
        add_binned(tree, bins, missing, range.start, raw);
        Ok(())
    })?;
    Ok(())
}

/// Sets leaves to a quantile of what the predictions leave over.
fn set_leaves(ctx: &Context, tree: &mut Tree, rows: &Rows, percent: f64, learning_rate: f64) -> Result<()> {
    let all = &tree.rows;
    let leaves = tree.nodes.iter_mut().filter(|node| node.children.is_none()).collect();
    parallel::map(ctx, leaves, |leaf| {
        let own = &all[leaf.rows.clone()];
        let residual = |&row: &u32| rows.targets[row as usize] - rows.raw[0][row as usize];
        let found = match rows.weights {
            None => {
                let mut values = memory::try_with_capacity(own.len())?;
                values.extend(own.iter().map(residual));
                unweighted_quantile(&mut values, percent)
            }
            Some(weights) => {
                let mut pairs = memory::try_with_capacity(own.len())?;
                pairs.extend(own.iter().map(|row| (residual(row), weights[*row as usize])));
                quantile(&mut pairs, percent)
            }
        };
        leaf.value = learning_rate * found;
        Ok(())
    })?;
    Ok(())
}

/// `numpy.percentile`, which takes the middle between two values as a mean of both. Changes the order.
fn unweighted_quantile(values: &mut [f64], percent: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let place = percent / 100.0 * (values.len() - 1) as f64;
    let low = place.floor() as usize;
    let (low_value, high_value) = (values[low], values[(low + 1).min(values.len() - 1)]);
    let fraction = place - place.floor();
    let step = high_value - low_value;
    if fraction < 0.5 { low_value + step * fraction } else { high_value - step * (1.0 - fraction) }
}

/// Scores the predictions; whether the latest scores say that it is time to stop.
fn score(
    ctx: &Context,
    train: &Rows,
    validation: Option<&Rows>,
    params: &Params,
    scores: &mut Scores,
    stopping: &Stopping,
) -> Result<bool> {
    scores.train.push(-mean_loss(ctx, train, params.objective)?);
    if let Some(validation) = validation {
        scores.validation.push(-mean_loss(ctx, validation, params.objective)?);
    }
    let seen = if validation.is_some() { &scores.validation } else { &scores.train };
    let Some(place) = seen.len().checked_sub(stopping.n_iter_no_change + 1) else { return Ok(false) };
    let reference = seen[place] + stopping.tol;
    Ok(!seen[place + 1..].iter().any(|&score| score > reference))
}

/// The mean of the loss, weighted.
fn mean_loss(ctx: &Context, rows: &Rows, objective: Objective) -> Result<f64> {
    let n_rows = rows.bins.n_rows();
    let mut losses = memory::try_filled(n_rows, 0.0)?;
    let blocks = Blocks::new(n_rows, BLOCK_ROWS, BLOCKS);
    let jobs = blocks.ranges().zip(losses.chunks_mut(blocks.rows())).collect();
    parallel::map(ctx, jobs, |(range, losses): (std::ops::Range<usize>, &mut [f64])| {
        compiled(Losses { rows, objective, range, losses });
        Ok(())
    })?;
    Ok(match rows.weights {
        None => pairwise::sum(&losses) / n_rows as f64,
        Some(weights) => {
            losses.iter_mut().zip(weights).for_each(|(loss, weight)| *loss *= weight);
            pairwise::sum(&losses) / pairwise::sum(weights)
        }
    })
}

struct Losses<'a, 'b> {
    rows: &'a Rows<'b>,
    objective: Objective,
    range: std::ops::Range<usize>,
    losses: &'a mut [f64],
}

impl Loops for Losses<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { rows, objective, range, losses } = self;
        let targets = &rows.targets[range.clone()];
        match objective {
            Objective::Single(loss) => {
                let raw = &rows.raw[0][range];
                let pairs = targets.iter().zip(raw);
                losses.iter_mut().zip(pairs).for_each(|(out, (&y, &raw))| *out = loss.value(y, raw));
            }
            Objective::Multinomial(_) => {
                for ((row, &y), out) in range.zip(targets).zip(losses) {
                    let raw = || rows.raw.iter().map(|raw| raw[row]);
                    let largest = raw().fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
                    let sum: f64 = raw().map(|value| (value - largest).exp()).sum();
                    *out = sum.ln() + largest - rows.raw.get(y as usize).map_or(f64::NAN, |raw| raw[row]);
                }
            }
        }
    }
}

/// Sets the gradients and hessians of all trees of an iteration.
fn differentiate(ctx: &Context, rows: &Rows, objective: Objective, gradients: &mut [Gradients]) -> Result<()> {
    let blocks = Blocks::new(rows.bins.n_rows(), BLOCK_ROWS, BLOCKS);
    let mut chunks: Vec<_> = gradients.iter_mut().map(|own| own.pairs.chunks_mut(blocks.rows())).collect();
    let jobs = blocks.ranges().map(|range| (range, chunks.iter_mut().filter_map(Iterator::next).collect())).collect();
    let largest = parallel::map(ctx, jobs, |(range, mut pairs): (_, Vec<&mut [[f32; 2]]>)| {
        Ok(compiled(Derivatives { rows, objective, range, pairs: &mut pairs }))
    })?;
    drop(chunks);
    for (k, own) in gradients.iter_mut().enumerate() {
        let largest = largest.iter().fold([0; 2], |a: [u32; 2], b| std::array::from_fn(|i| a[i].max(b[k][i])));
        let largest = largest.map(f32::from_bits);
        if !largest.iter().all(|value| value.is_finite()) {
            return Err(Error::InvalidArgument("gradients or hessians of the loss are not finite"));
        }
        own.set_largest(largest);
    }
    Ok(())
}

/// Gradients and hessians, and the bits of the largest magnitudes of each tree; NaN counts as more than infinity.
struct Derivatives<'a, 'b> {
    rows: &'a Rows<'b>,
    objective: Objective,
    range: std::ops::Range<usize>,
    pairs: &'a mut [&'b mut [[f32; 2]]],
}

/// The bits of the largest magnitudes.
#[inline(always)]
fn largest_of(pairs: &[[f32; 2]]) -> [u32; 2] {
    let mut largest = [0; 2];
    for pair in pairs {
        for (most, value) in largest.iter_mut().zip(pair) {
            *most = value.abs().to_bits().max(*most);
        }
    }
    largest
}

impl Loops for Derivatives<'_, '_> {
    type Output = Vec<[u32; 2]>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { rows, objective, range, pairs } = self;
        let targets = &rows.targets[range.clone()];
        let weights = rows.weights.map(|weights| &weights[range.clone()]);
        let weight = |i: usize| weights.map_or(1.0, |weights| weights[i]);
        match objective {
            Objective::Single(loss) => {
                let raw = &rows.raw[0][range];
                loss.with_derivatives(Single { targets, weights, raw, pairs: &mut *pairs[0] });
                vec![largest_of(pairs[0])]
            }
            Objective::Multinomial(n_classes) => {
                let (mut few, mut many) = ([0.0; FEW_CLASSES], Vec::new());
                if n_classes > FEW_CLASSES {
                    many.resize(n_classes, 0.0);
                }
                for (i, (row, &y)) in range.zip(targets).enumerate() {
                    let p = if n_classes > FEW_CLASSES { &mut many[..] } else { &mut few[..n_classes] };
                    p.iter_mut().zip(&rows.raw).for_each(|(p, raw)| *p = raw[row]);
                    softmax(p);
                    let weight = weight(i);
                    for (k, (&p, pairs)) in p.iter().zip(&mut *pairs).enumerate() {
                        let gradient = (p - f64::from(u8::from(y == k as f64))) * weight;
                        pairs[i] = [gradient as f32, (p * (1.0 - p) * weight) as f32];
                    }
                }
                pairs.iter().map(|pairs| largest_of(pairs)).collect()
            }
        }
    }
}

struct Single<'a> {
    targets: &'a [f64],
    weights: Option<&'a [f64]>,
    raw: &'a [f64],
    pairs: &'a mut [[f32; 2]],
}

impl WithDerivatives for Single<'_> {
    #[inline(always)]
    fn run(self, derivatives: impl At) {
        let rows = self.targets.iter().zip(self.raw).zip(self.pairs);
        match self.weights {
            None => {
                for ((&y, &raw), pair) in rows {
                    let (gradient, hessian) = derivatives.at(y, raw);
                    *pair = [gradient as f32, hessian as f32];
                }
            }
            Some(weights) => {
                for (((&y, &raw), pair), &weight) in rows.zip(weights) {
                    let (gradient, hessian) = derivatives.at(y, raw);
                    *pair = [(gradient * weight) as f32, (hessian * weight) as f32];
                }
            }
        }
    }
}
