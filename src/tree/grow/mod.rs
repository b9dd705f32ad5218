//! Growing a tree, node for node as scikit-learn grows it.
//!
//! [`Columns`] is made once per data set and shared by all trees grown on it. [`grow`] makes one tree: a builder hands
//! nodes to a splitter, which draws features, scans their samples by rank, and parts them. What a good split is, a
//! criterion says.
//!
//! The tree depends on the data, the parameters and the seed alone. Threads only look at the features of one large node
//! side by side, and what they find is compared in the order in which the features are drawn.
//!
//! Reference: L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression Trees", 1984; P. Geurts,
//! D. Ernst, L. Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006).

mod builder;
mod column;
mod columns;
mod criteria;
mod features;
mod frontier;
mod order;
mod part;
mod presorted;
mod search;
mod splitter;
mod stored;
mod targets;

pub use columns::Columns;
pub use targets::Targets;

use builder::Builder;
use columns::Form;
use criteria::Criterion;
use criteria::absolute::Absolute;
use criteria::classes::Classes;
use criteria::counts::Counts;
use criteria::impurity::{Entropy, Gini, Impurity};
use criteria::moments::{Moments, Poisson, Squared};
use splitter::Splitter;

use super::nodes::Tree;
use crate::common::error::check_length;
use crate::common::{Context, Error, Result};

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CriterionKind {
    /// Classification: Gini's index.
    Gini,
    /// Classification: entropy.
    Entropy,
    /// Regression: variance.
    SquaredError,
    /// Regression: mean absolute distance to the median.
    AbsoluteError,
    /// Regression: half the Poisson deviance.
    Poisson,
}

/// Which thresholds are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitterKind {
    /// All.
    Best,
    /// One per feature, at random between the smallest and the largest value.
    Random,
}

/// Parameters, as scikit-learn resolves them to numbers.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    /// What is minimised.
    pub criterion: CriterionKind,
    /// Which thresholds are tried.
    pub splitter: SplitterKind,
    /// Most edges between the root and a leaf.
    pub max_depth: usize,
    /// Fewest samples of a node that is split.
    pub min_samples_split: usize,
    /// Fewest samples of a leaf.
    pub min_samples_leaf: usize,
    /// Smallest weight of a leaf.
    pub min_weight_leaf: f64,
    /// Features drawn per node.
    pub max_features: usize,
    /// Most leaves; with a number, the most promising leaf is expanded first.
    pub max_leaf_nodes: Option<usize>,
    /// Smallest gain of a split, weighted by the fraction of the samples.
    pub min_impurity_decrease: f64,
    /// By feature: 1 if the value may only rise with it, -1 if only fall, else 0.
    pub monotonic: Option<&'a [i8]>,
}

impl Params<'_> {
    /// Whether a node of `n` samples, `depth` below the root, is a leaf whatever its features are.
    fn ends(&self, depth: usize, n: usize, impurity: f64) -> bool {
        depth >= self.max_depth
            || n < self.min_samples_split
            || n < self.min_samples_leaf.saturating_mul(2)
            || impurity <= f64::EPSILON
    }
}

/// Grows a tree from the rows with a weight other than 0. `weights` has one weight per row, all 1 if None. `seed` is what
/// the parent draws for its own generator.
///
/// # Errors
/// Arguments that do not fit together, memory refused, or an interruption.
pub fn grow(
    ctx: &Context,
    columns: &Columns,
    targets: &Targets,
    weights: Option<&[f64]>,
    params: &Params,
    seed: u32,
) -> Result<Tree> {
    targets.check(columns.n_rows())?;
    check_length("weights", weights.map_or(columns.n_rows(), <[f64]>::len), columns.n_rows())?;
    check_length("monotonic", params.monotonic.map_or(columns.len(), <[i8]>::len), columns.len())?;
    columns.prepare(ctx, params)?;
    let form = columns.form(params);
    let by_row = columns.numbers_rows(form);
    let job = Job { ctx, columns, form, targets, weights, params, seed };
    match (params.criterion, targets.n_outputs()) {
        (CriterionKind::Gini, _) => job.classify::<Gini>(),
        (CriterionKind::Entropy, _) => job.classify::<Entropy>(),
        (CriterionKind::SquaredError, 1) => job.run(Moments::<Squared, true>::new(targets, weights, by_row)?),
        (CriterionKind::SquaredError, _) => job.run(Moments::<Squared, false>::new(targets, weights, by_row)?),
        (CriterionKind::Poisson, 1) => job.run(Moments::<Poisson, true>::new(targets, weights, by_row)?),
        (CriterionKind::Poisson, _) => job.run(Moments::<Poisson, false>::new(targets, weights, by_row)?),
        (CriterionKind::AbsoluteError, _) => job.run(Absolute::new(targets, weights, by_row)?),
    }
}

struct Job<'a> {
    ctx: &'a Context<'a>,
    columns: &'a Columns,
    form: Form,
    targets: &'a Targets<'a>,
    weights: Option<&'a [f64]>,
    params: &'a Params<'a>,
    seed: u32,
}

impl Job<'_> {
    fn classify<I: Impurity>(&self) -> Result<Tree> {
        if let Targets::Classes { n_classes, .. } = self.targets
            && n_classes.contains(&0)
        {
            return Err(Error::InvalidArgument("an output has no class"));
        }
        match self.form {
            Form::Lists => self.count::<I, true>(),
            Form::Ranks | Form::Values => self.count::<I, false>(),
        }
    }

    fn count<I: Impurity, const BY_ROW: bool>(&self) -> Result<Tree> {
        match Counts::<I, BY_ROW>::new(self.targets, self.weights)? {
            Some(counts) => self.run(counts),
            None => {
                let by_row = self.columns.numbers_rows(self.form);
                self.run(Classes::<I>::new(self.targets, self.weights, by_row)?)
            }
        }
    }

    fn run<C: Criterion>(&self, criterion: C) -> Result<Tree> {
        let Self { ctx, columns, form, weights, params, seed, .. } = *self;
        let splitter = Splitter::new(ctx, columns, form, criterion, weights, params, seed)?;
        Builder::new(ctx, params, splitter, self.targets).build()
    }
}
