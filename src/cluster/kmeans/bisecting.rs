//! Bisecting k-means: start from one cluster and split the worst in two until there are enough.
//!
//! Reference: M. Steinbach, G. Karypis and V. Kumar, "A comparison of document clustering techniques", KDD workshop on
//! text mining 2000.

use super::host::{Host, Snapshot, Task};
use super::init::{self, Init};
use super::{column_means, lloyd, uncentre};
use crate::common::random::Mt19937;
use crate::common::{Context, Error, Float, Result, memory};
use crate::linalg::{Csr, Dense, Nearest, RowSet, Rows, Scratch};

/// A run must be better by this share to replace an earlier one.
const MARGIN: f64 = 1e-6;

/// Parameters of [`fit_dense`] and [`fit_csr`].
#[derive(Debug)]
pub struct Params<'a, F> {
    /// Number of clusters.
    pub n_clusters: usize,
    /// How to seed a split: k-means++ or random rows; none: the host chooses.
    pub init: Option<Init<'a, F>>,
    /// Runs per split.
    pub n_init: usize,
    /// Most iterations of a run.
    pub max_iter: usize,
    /// Absolute tolerance on the squared movement of the centres.
    pub tol: F,
    /// Progress lines end as those of scikit-learn's Elkan variant do.
    pub elkan: bool,
    /// Split the cluster of most inertia, not the one of most rows.
    pub by_inertia: bool,
}

/// The tree of splits. Node 0 is the root; children come after their parent.
#[derive(Debug)]
pub struct Tree<F> {
    /// Centre of each node, row-major, shape `(n_nodes, n_features)`; of centred rows if the rows were centred. The
    /// root's is zero unless it is the only node.
    pub centers: Vec<F>,
    /// Inertia or number of rows of each node, by which the next to split is chosen. The root's is 0.
    pub scores: Vec<f64>,
    /// Left and right child, or none for a leaf.
    pub children: Vec<Option<(usize, usize)>>,
}

/// A fitted model.
#[derive(Debug)]
pub struct Fit<F> {
    /// The tree of splits.
    pub tree: Tree<F>,
    /// Leaves in the order of their clusters' numbers.
    pub leaves: Vec<usize>,
    /// Cluster of each row.
    pub labels: Vec<i32>,
    /// Weighted sum of squared distances of the rows to the centres of their leaves.
    pub inertia: f64,
    /// Means of the columns; empty for sparse rows, which are not centred.
    pub means: Vec<F>,
}

/// Fits dense rows.
///
/// # Errors
/// Those of the allocations, of the host, of sampling, and [`crate::common::Error::Interrupted`].
pub fn fit_dense<F: Float>(
    ctx: &Context,
    x: &Dense<F>,
    weights: Option<&[F]>,
    params: &Params<F>,
    random: &mut Mt19937,
    host: &dyn Host<F>,
) -> Result<Fit<F>> {
    let means = column_means(x);
    host.centred(&means)?;
    let mut fit = split(ctx, &x.shifted(&means)?, weights, params, random, host)?;
    let mut centers = fit.leaf_centers(x.n_cols());
    uncentre(&mut centers, &means);
    fit.inertia = lloyd::inertia(ctx, x, weights, &centers, &fit.labels, None)?;
    fit.means = means;
    Ok(fit)
}

/// Fits sparse rows.
///
/// # Errors
/// As [`fit_dense`].
pub fn fit_csr<F: Float>(
    ctx: &Context,
    x: &Csr<F>,
    weights: Option<&[F]>,
    params: &Params<F>,
    random: &mut Mt19937,
    host: &dyn Host<F>,
) -> Result<Fit<F>> {
    let mut fit = split(ctx, x, weights, params, random, host)?;
    let centers = fit.leaf_centers(x.n_cols());
    fit.inertia = lloyd::inertia(ctx, x, weights, &centers, &fit.labels, None)?;
    Ok(fit)
}

impl<F: Float> Fit<F> {
    fn leaf_centers(&self, n_cols: usize) -> Vec<F> {
        self.leaves.iter().flat_map(|&leaf| self.tree.centers[leaf * n_cols..][..n_cols].iter().copied()).collect()
    }
}

/// Mean of all rows: the centre of a tree that is not split.
fn mean<F: Float, R: Rows<F>>(x: &R) -> Result<Vec<F>> {
    let mut mean = memory::try_filled(x.n_cols(), F::ZERO)?;
    (0..x.n_rows()).for_each(|row| x.add_row(row, None, &mut mean));
    mean.iter_mut().for_each(|value| *value = *value / F::from_usize(x.n_rows()));
    Ok(mean)
}

/// A leaf while the tree grows.
struct Leaf {
    node: usize,
    rows: Vec<u32>,
}

fn nodes(leaves: &[Leaf]) -> Vec<usize> {
    leaves.iter().map(|leaf| leaf.node).collect()
}

fn split<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    weights: Option<&[F]>,
    params: &Params<F>,
    random: &mut Mt19937,
    host: &dyn Host<F>,
) -> Result<Fit<F>> {
    let (n_rows, n_cols) = (x.n_rows(), x.n_cols());
    let norms = match params.init {
        Some(Init::PlusPlus) => init::squared_norms(ctx, x)?,
        _ => Vec::new(),
    };
    let mut rows = memory::try_with_capacity(n_rows)?;
    rows.extend(0..n_rows as u32);
    let root = if params.n_clusters == 1 { mean(x)? } else { memory::try_filled(n_cols, F::ZERO)? };
    let mut tree = Tree { centers: root, scores: vec![0.0], children: vec![None] };
    let mut leaves = vec![Leaf { node: 0, rows }];
    for _ in 1..params.n_clusters {
        host.begin(Task::Split)?;
        // The first of the largest, leaves taken from left to right.
        let score = |leaf: &Leaf| tree.scores[leaf.node];
        let at =
            (1..leaves.len()).fold(0, |at, next| if score(&leaves[next]) > score(&leaves[at]) { next } else { at });
        let Leaf { node, rows } = leaves.remove(at);
        let part = Part {
            x: x.gather(&rows)?,
            weights: weights.map(|weights| rows.iter().map(|&row| weights[row as usize]).collect()),
            norms: if norms.is_empty() { Vec::new() } else { rows.iter().map(|&row| norms[row as usize]).collect() },
        };
        let (run, scores) = part.bisect(ctx, &rows, params, random, host)?;
        let left = tree.scores.len();
        tree.children[node] = Some((left, left + 1));
        tree.centers.extend_from_slice(&run.centers);
        tree.scores.extend(scores);
        tree.children.extend([None, None]);
        let side = |side: i32| {
            let rows = rows.iter().zip(&run.labels).filter(|(_, label)| **label == side).map(|(&row, _)| row);
            Leaf { node: left + side as usize, rows: rows.collect() }
        };
        leaves.splice(at..at, [side(0), side(1)]);
        if host.end(Task::Split, Snapshot::Splits(&tree, &nodes(&leaves)))? {
            break;
        }
    }
    let mut labels = memory::try_filled(n_rows, -1)?;
    for (cluster, leaf) in leaves.iter().enumerate() {
        leaf.rows.iter().for_each(|&row| labels[row as usize] = cluster as i32);
    }
    let leaves = nodes(&leaves);
    Ok(Fit { tree, leaves, labels, inertia: 0.0, means: Vec::new() })
}

/// The rows of a cluster that is being split.
struct Part<F, R> {
    x: R,
    weights: Option<Vec<F>>,
    norms: Vec<f64>,
}

impl<F: Float, R: Rows<F>> Part<F, R> {
    /// The best of `n_init` splits and the scores of its halves.
    fn bisect(
        &self,
        ctx: &Context,
        rows: &[u32],
        params: &Params<F>,
        random: &mut Mt19937,
        host: &dyn Host<F>,
    ) -> Result<(lloyd::Run<F>, [f64; 2])> {
        let weights = self.weights.as_deref();
        let single = lloyd::Params { max_iter: params.max_iter, tol: params.tol, elkan: params.elkan };
        let seed = |random: &mut Mt19937| match &params.init {
            Some(init) => init::centers(ctx, &self.x, &self.norms, weights, init, 0, 2, random),
            None => host.choose_centers(rows),
        };
        let mut best: Option<lloyd::Run<F>> = None;
        for _ in 0..params.n_init {
            host.begin(Task::Run)?;
            let seeds = seed(random)?;
            let run = lloyd::run(ctx, &self.x, weights, seeds, &single, host)?;
            if best.as_ref().is_none_or(|best| run.inertia < best.inertia * (1.0 - MARGIN)) {
                best = Some(run);
            }
            if let Some(best) = &best
                && host.end(Task::Run, Snapshot::Centers(&best.centers, best.n_iter))?
            {
                break;
            }
        }
        let best = best.ok_or(Error::InvalidArgument("n_init must be at least 1"))?;
        host.report_matrix("New centroids from bisection: ", &best.centers, self.x.n_cols())?;
        let score = |side: i32| {
            if params.by_inertia {
                lloyd::inertia(ctx, &self.x, weights, &best.centers, &best.labels, Some(side))
            } else {
                Ok(best.labels.iter().filter(|&&label| label == side).count() as f64)
            }
        };
        let scores = [score(0)?, score(1)?];
        Ok((best, scores))
    }
}

/// Cluster of each row of `x`: down the tree, at each split to the nearer centre. `leaf_labels` has an entry per node;
/// only those of leaves are used. `centers` are those of rows that are not centred.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
pub fn predict<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    centers: &[F],
    children: &[Option<(usize, usize)>],
    leaf_labels: &[i32],
) -> Result<Vec<i32>> {
    let n_cols = x.n_cols();
    let mut labels = memory::try_filled(x.n_rows(), -1)?;
    let mut rows: Vec<u32> = memory::try_with_capacity(x.n_rows())?;
    rows.extend(0..x.n_rows() as u32);
    let mut waiting = vec![(0, rows)];
    let (mut scratch, mut index) = (Scratch::default(), Vec::new());
    while let Some((node, rows)) = waiting.pop() {
        ctx.check()?;
        let Some((left, right)) = children[node] else {
            rows.iter().for_each(|&row| labels[row as usize] = leaf_labels[node]);
            continue;
        };
        let pair = [&centers[left * n_cols..][..n_cols], &centers[right * n_cols..][..n_cols]].concat();
        let panels = x.pack(&pair)?;
        index.resize(rows.len(), 0);
        x.nearest(RowSet::List(&rows), &panels, &mut scratch, Nearest { index: &mut index, two_best: None });
        let (mut to_left, mut to_right) = (Vec::new(), Vec::new());
        for (&row, &side) in rows.iter().zip(&index) {
            if side == 0 { to_left.push(row) } else { to_right.push(row) }
        }
        waiting.extend([(left, to_left), (right, to_right)]);
    }
    Ok(labels)
}
