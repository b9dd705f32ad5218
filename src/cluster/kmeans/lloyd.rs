//! One run of Lloyd's iterations from given centres.

use std::ops::Range;

use super::bounds::{Drift, Pass, Plan};
use super::centers;
use super::host::{Host, Number, Snapshot, Task};
use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::{self, Dense, Nearest, Panels, RowSet, Rows, norms};

/// Bytes of rows that are summed right after they were assigned: they are still in the first cache then.
const STRIPE_BYTES: usize = 24 * 1024;
/// Rows of a stripe come in multiples of this: whole tiles of every width.
const STRIPE_STEP: usize = 48;
/// Rows that are tested against their bounds at a time: many enough that those which fail fill tiles.
const CHUNK: usize = 1024;
/// Rows per block at least.
const MIN_BLOCK: usize = 256;
/// Rows, and products of them with centres, that are one block: no other thread would help with so few. They are summed
/// as scikit-learn sums them on one thread, in one go: so centres of rows on a grid have the same bits, and their ties.
const ONE_BLOCK: (usize, usize) = (1 << 13, 1 << 18);
/// Blocks at most: enough to share out evenly, few enough to merge quickly.
const MAX_BLOCKS: usize = 32;

/// Parameters of [`run`].
#[derive(Debug)]
pub struct Params<F> {
    /// Most iterations.
    pub max_iter: usize,
    /// Absolute tolerance on the sum of the squared movements of the centres.
    pub tol: F,
    /// Settle near ties (and word progress lines) as scikit-learn's Elkan variant does: by differences, and for the centre
    /// that the row already has.
    pub elkan: bool,
}

/// Outcome of a run.
#[derive(Debug)]
pub struct Run<F> {
    /// Cluster of each row.
    pub labels: Vec<i32>,
    /// Weighted sum of squared distances.
    pub inertia: f64,
    /// Centres, row-major.
    pub centers: Vec<F>,
    /// Iterations made.
    pub n_iter: usize,
}

/// Iterates from `centers` (row-major, shape `(n_clusters, n_features)`) until no label changes, the centres hardly
/// move, `max_iter`, or the host says so. `weights`, if any, has one entry per row.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Host`], [`Error::Interrupted`].
pub fn run<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    weights: Option<&[F]>,
    centers: Vec<F>,
    params: &Params<F>,
    host: &dyn Host<F>,
) -> Result<Run<F>> {
    let (n_rows, n_cols) = (x.n_rows(), x.n_cols());
    let n_clusters = centers.len() / n_cols;
    check_length("centers", centers.len(), n_clusters * n_cols)?;
    check_length("sample_weight", weights.map_or(n_rows, <[F]>::len), n_rows)?;
    let mut state = State::new(x, weights, centers, params.elkan)?;
    let mut strict = false;
    let mut n_iter = 0;
    while n_iter < params.max_iter {
        host.begin(Task::Iteration)?;
        let changed = state.assign_and_sum(ctx)?;
        if host.is_listening() {
            let inertia = inertia(ctx, x, weights, &state.centers, &state.labels, None)?;
            let template = if params.elkan { "Iteration {}, inertia {}" } else { "Iteration {}, inertia {}." };
            host.report(template, &[Number::Count(n_iter), Number::Real(inertia)])?;
        }
        state.move_centers(ctx, host)?;
        n_iter += 1;
        let is_last = host.end(Task::Iteration, Snapshot::Centers(&state.centers, n_iter))?;
        if changed == 0 {
            host.report("Converged at iteration {}: strict convergence.", &[Number::Count(n_iter - 1)])?;
            strict = true;
            break;
        }
        let squares: Vec<F> = state.movement.iter().map(|&moved| moved * moved).collect();
        let moved = norms::pairwise_sum(&squares);
        if moved <= params.tol {
            let numbers = [Number::Count(n_iter - 1), Number::Real(moved.to_f64()), Number::Real(params.tol.to_f64())];
            host.report("Converged at iteration {}: center shift {} within tolerance {}.", &numbers)?;
            break;
        }
        if is_last {
            break;
        }
    }
    if !strict {
        state.assign(ctx)?; // so that labels agree with the centres as they are now
    }
    let inertia = inertia(ctx, x, weights, &state.centers, &state.labels, None)?;
    Ok(Run { labels: state.labels, inertia, centers: state.centers, n_iter })
}

/// Assigns rows to the nearest of `centers`.
///
/// # Errors
/// [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn assign<F: Float, R: Rows<F>>(ctx: &Context, x: &R, centers: &[F], labels: &mut [i32]) -> Result<()> {
    let panels = x.pack(centers)?;
    let stripe = stripe::<F>(x.n_cols());
    let blocks = Blocks::new(x.n_rows(), stripe, 256);
    let jobs: Vec<_> = blocks.ranges().zip(labels.chunks_mut(blocks.rows())).collect();
    parallel::map_with(ctx, jobs, Scratch::new, |scratch, (range, labels)| {
        for start in range.clone().step_by(stripe) {
            let rows = start..(start + stripe).min(range.end);
            let labels = &mut labels[rows.start - range.start..][..rows.len()];
            scratch.nearest(x, rows.into(), &panels);
            labels.iter_mut().zip(&scratch.index).for_each(|(label, &index)| *label = index as i32);
        }
        Ok(())
    })?;
    Ok(())
}

/// Rows that are assigned, then summed, at a time.
fn stripe<F>(n_cols: usize) -> usize {
    (STRIPE_BYTES / (n_cols * size_of::<F>() * STRIPE_STEP)).clamp(1, 10) * STRIPE_STEP
}

/// Weighted sum of the squared distances of the rows to the centres of their clusters, or of those of one cluster.
///
/// # Errors
/// [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn inertia<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    weights: Option<&[F]>,
    centers: &[F],
    labels: &[i32],
    only: Option<i32>,
) -> Result<f64> {
    let n_cols = x.n_cols();
    let norms: Vec<F> = centers.chunks_exact(n_cols).map(norms::squared_norm).collect();
    let jobs: Vec<_> = Blocks::new(x.n_rows(), 1024, 64).ranges().collect();
    let sums = parallel::map(ctx, jobs, |range| {
        let mut sum = 0.0;
        for row in range {
            let label = labels[row];
            if only.is_none_or(|only| only == label) {
                let center = &centers[label as usize * n_cols..][..n_cols];
                let square = x.squared_distance(row, center, norms[label as usize]);
                sum += weights.map_or(square, |weights| square * weights[row]).to_f64();
            }
        }
        Ok(sum)
    })?;
    Ok(F::from_f64(sums.iter().sum()).to_f64())
}

/// Variances of the columns of centred dense rows, shape `(n_features,)`.
///
/// # Errors
/// [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn variances<F: Float>(ctx: &Context, x: &Dense<F>) -> Result<Vec<f64>> {
    let n_cols = x.n_cols();
    let jobs: Vec<_> = Blocks::new(x.n_rows(), 1024, 32).ranges().collect();
    let sums = parallel::map_with(
        ctx,
        jobs,
        || memory::try_filled(n_cols, F::ZERO),
        |row, range| {
            let mut sums = memory::try_filled(n_cols, 0.0)?;
            for index in range {
                x.write_row(index, row);
                sums.iter_mut().zip(row.iter()).for_each(|(sum, value)| *sum += value.to_f64() * value.to_f64());
            }
            Ok(sums)
        },
    )?;
    let n_rows = x.n_rows() as f64;
    Ok((0..n_cols).map(|column| sums.iter().map(|sums| sums[column]).sum::<f64>() / n_rows).collect())
}

/// Buffers of a worker.
struct Scratch<F> {
    rows: linalg::Scratch<F>,
    index: Vec<u32>,
    best: Vec<F>,
    second: Vec<F>,
    failed: Vec<u32>,
}

impl<F: Float> Scratch<F> {
    fn new() -> Result<Self> {
        Ok(Self {
            rows: linalg::Scratch::default(),
            index: Vec::new(),
            best: Vec::new(),
            second: Vec::new(),
            failed: Vec::new(),
        })
    }

    /// Fills `index`.
    fn nearest<R: Rows<F>>(&mut self, x: &R, rows: RowSet, panels: &Panels<F>) {
        self.index.resize(rows.len(), 0);
        x.nearest(rows, panels, &mut self.rows, Nearest { index: &mut self.index, two_best: None });
    }

    /// Fills `index`, `best` and `second`.
    fn two_nearest<R: Rows<F>>(&mut self, x: &R, rows: RowSet, panels: &Panels<F>) {
        self.index.resize(rows.len(), 0);
        self.best.resize(rows.len(), F::ZERO);
        self.second.resize(rows.len(), F::ZERO);
        let two_best = Some((&mut self.best[..], &mut self.second[..]));
        x.nearest(rows, panels, &mut self.rows, Nearest { index: &mut self.index, two_best });
    }
}

struct State<'a, F, R> {
    x: &'a R,
    weights: Option<&'a [F]>,
    n_clusters: usize,
    centers: Vec<F>,
    /// Weighted sums of the rows of each cluster, then the next centres.
    sums: Vec<F>,
    totals: Vec<F>,
    /// Sums and totals of the blocks, where rows are summed as they are assigned.
    partial: Vec<F>,
    labels: Vec<i32>,
    movement: Vec<F>,
    upper: Vec<F>,
    lower: Vec<F>,
    plan: Plan,
    blocks: Blocks,
    elkan: bool,
}

/// What all blocks of a pass share.
struct Step<'s, F, R> {
    x: &'s R,
    weights: Option<&'s [F]>,
    centers: &'s [F],
    panels: Panels<F>,
    drift: Drift<F>,
    elkan: bool,
}

impl<F: Float, R: Rows<F>> Step<'_, F, R> {
    /// The nearest centre of a row of former cluster `label` (negative: none), as Elkan's variant compares: distances by
    /// differences, rooted, the former cluster first.
    fn settle(&self, row: usize, label: i32) -> u32 {
        let n_cols = self.x.n_cols();
        let distance = |center: usize| {
            let point = &self.centers[center * n_cols..][..n_cols];
            self.x.squared_distance(row, point, self.panels.norms[center]).sqrt()
        };
        let first = usize::try_from(label).unwrap_or(0);
        let (mut best, mut index) = (distance(first), first);
        for center in (0..self.panels.count).filter(|&center| center != first) {
            let distance = distance(center);
            if distance < best {
                (best, index) = (distance, center);
            }
        }
        index as u32
    }
}

/// What one block works on.
struct Block<'j, F> {
    rows: Range<usize>,
    labels: &'j mut [i32],
    upper: &'j mut [F],
    lower: &'j mut [F],
    /// Sums, then totals; empty where rows are not summed.
    partial: &'j mut [F],
}

impl<'a, F: Float, R: Rows<F>> State<'a, F, R> {
    fn new(x: &'a R, weights: Option<&'a [F]>, centers: Vec<F>, elkan: bool) -> Result<Self> {
        let (n_rows, n_cols) = (x.n_rows(), x.n_cols());
        if u32::try_from(n_rows).is_err() {
            return Err(Error::InvalidArgument("more than 2**32 - 1 samples"));
        }
        let n_clusters = centers.len() / n_cols;
        let is_one = n_rows <= ONE_BLOCK.0 && memory::checked_len(n_rows, centers.len())? <= ONE_BLOCK.1;
        // Partial sums take at most an eighth of the memory of the rows.
        let least = if is_one { n_rows } else { MIN_BLOCK.max(8 * n_clusters) };
        let blocks = Blocks::new(n_rows, least, MAX_BLOCKS);
        let partial = if R::FUSED_SUMS { memory::checked_len(blocks.count(), centers.len() + n_clusters)? } else { 0 };
        Ok(Self {
            sums: memory::try_filled(centers.len(), F::ZERO)?,
            totals: memory::try_filled(n_clusters, F::ZERO)?,
            partial: memory::try_filled(partial, F::ZERO)?,
            labels: memory::try_filled(n_rows, -1)?,
            movement: memory::try_filled(n_clusters, F::ZERO)?,
            upper: Vec::new(),
            lower: Vec::new(),
            plan: Plan::new(n_rows, n_clusters, x.nnz()),
            x,
            weights,
            n_clusters,
            centers,
            blocks,
            elkan,
        })
    }

    /// Assigns the rows and sums the clusters; returns how many labels changed.
    fn assign_and_sum(&mut self, ctx: &Context) -> Result<usize> {
        let changed = self.pass(ctx, true)?;
        if R::FUSED_SUMS {
            let (len, n_sums) = (self.sums.len() + self.n_clusters, self.sums.len());
            self.sums.fill(F::ZERO);
            self.totals.fill(F::ZERO);
            for partial in self.partial.chunks_exact(len) {
                let (sums, totals) = partial.split_at(n_sums);
                self.sums.iter_mut().zip(sums).for_each(|(sum, &part)| *sum += part);
                self.totals.iter_mut().zip(totals).for_each(|(total, &part)| *total += part);
            }
        } else {
            self.sum_by_cluster(ctx)?;
        }
        Ok(changed)
    }

    fn assign(&mut self, ctx: &Context) -> Result<()> {
        self.pass(ctx, false).map(|_| ())
    }

    fn pass(&mut self, ctx: &Context, summing: bool) -> Result<usize> {
        let n_rows = self.x.n_rows();
        let kind = self.plan.pass();
        if kind == Pass::Seed && self.upper.is_empty() {
            self.upper = memory::try_filled(n_rows, F::ZERO)?;
            self.lower = memory::try_filled(n_rows, F::ZERO)?;
        }
        let centers = std::mem::take(&mut self.centers);
        let panels = self.x.pack(&centers)?;
        let drift = Drift::new(&self.movement, panels.largest_norm(), self.x.n_cols(), self.plan.tolerated());
        let step = Step { x: self.x, weights: self.weights, centers: &centers, panels, drift, elkan: self.elkan };
        let jobs = self.jobs(summing);
        let counts = parallel::map_with(ctx, jobs, Scratch::new, |scratch, mut block| {
            block.partial.fill(F::ZERO);
            let rows = block.rows.clone();
            if kind != Pass::Bounded {
                return Ok((block.compare_all(&step, kind == Pass::Seed, scratch, rows), 0));
            }
            let mut counts = (0, 0);
            for start in rows.clone().step_by(CHUNK) {
                let rows = start..(start + CHUNK).min(rows.end);
                let (changed, failed) = block.compare_failing(&step, scratch, rows);
                counts = (counts.0 + changed, counts.1 + failed);
            }
            Ok(counts)
        });
        self.centers = centers;
        let (changed, failed) = counts?.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        self.plan.learn(n_rows, changed, failed);
        Ok(changed)
    }

    fn jobs(&mut self, summing: bool) -> Vec<Block<'_, F>> {
        let rows = self.blocks.rows();
        let partial_len = if summing && R::FUSED_SUMS { self.sums.len() + self.n_clusters } else { 0 };
        let mut labels = self.labels.chunks_mut(rows);
        let mut upper = self.upper.chunks_mut(rows);
        let mut lower = self.lower.chunks_mut(rows);
        let mut partial = self.partial.chunks_mut(partial_len.max(1));
        self.blocks
            .ranges()
            .map(|rows| Block {
                rows,
                labels: labels.next().unwrap_or_default(),
                upper: upper.next().unwrap_or_default(),
                lower: lower.next().unwrap_or_default(),
                partial: if partial_len > 0 { partial.next().unwrap_or_default() } else { Default::default() },
            })
            .collect()
    }

    /// Sums rows cluster by cluster, some clusters per job: for rows that are costly to keep partial sums of.
    fn sum_by_cluster(&mut self, ctx: &Context) -> Result<()> {
        let n_cols = self.x.n_cols();
        let group = self.n_clusters.div_ceil(8);
        self.sums.fill(F::ZERO);
        self.totals.fill(F::ZERO);
        let (x, weights, labels) = (self.x, self.weights, &self.labels);
        let jobs: Vec<_> =
            self.sums.chunks_mut(group * n_cols).zip(self.totals.chunks_mut(group)).enumerate().collect();
        parallel::map(ctx, jobs, |(index, (sums, totals))| {
            let first = index * group;
            for (row, &label) in labels.iter().enumerate() {
                let Some(cluster) = (label as usize).checked_sub(first).filter(|&cluster| cluster < totals.len())
                else {
                    continue;
                };
                let weight = weights.map(|weights| weights[row]);
                totals[cluster] += weight.unwrap_or(F::ONE);
                x.add_row(row, weight, &mut sums[cluster * n_cols..][..n_cols]);
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Turns the sums into the next centres.
    fn move_centers(&mut self, ctx: &Context, host: &dyn Host<F>) -> Result<()> {
        let (x, weights, n_cols) = (self.x, self.weights, self.x.n_cols());
        let (sums, totals) = (&mut self.sums, &mut self.totals);
        centers::relocate_empty(ctx, x, weights, &self.centers, &self.labels, sums, totals, host)?;
        centers::average(sums, totals, n_cols);
        centers::movement(sums, &self.centers, n_cols, &mut self.movement);
        std::mem::swap(&mut self.centers, &mut self.sums);
        Ok(())
    }
}

impl<F: Float> Block<'_, F> {
    /// Compares every row of a range with every centre and sums the clusters; returns how many labels changed.
    fn compare_all<R: Rows<F>>(
        &mut self,
        step: &Step<F, R>,
        seeds_bounds: bool,
        scratch: &mut Scratch<F>,
        rows: Range<usize>,
    ) -> usize {
        let stripe = stripe::<F>(step.x.n_cols());
        let mut changed = 0;
        for start in rows.clone().step_by(stripe) {
            let rows = start..(start + stripe).min(rows.end);
            let local = start - self.rows.start;
            if seeds_bounds || step.elkan {
                scratch.two_nearest(step.x, rows.clone().into(), &step.panels);
            } else {
                scratch.nearest(step.x, rows.clone().into(), &step.panels);
            }
            if seeds_bounds {
                for (offset, (&best, &second)) in scratch.best.iter().zip(&scratch.second).enumerate() {
                    (self.upper[local + offset], self.lower[local + offset]) = step.drift.seed(best, second);
                }
            }
            for position in 0..rows.len() {
                changed += usize::from(self.relabel(step, scratch, position, start + position));
            }
            self.sum(step, rows);
        }
        changed
    }

    /// Compares the rows of a range whose bounds prove nothing and sums the clusters. Returns how many labels changed
    /// and how many rows failed the test.
    fn compare_failing<R: Rows<F>>(
        &mut self,
        step: &Step<F, R>,
        scratch: &mut Scratch<F>,
        rows: Range<usize>,
    ) -> (usize, usize) {
        let (x, drift, base) = (step.x, &step.drift, self.rows.start);
        let local = rows.start - base..rows.end - base;
        let mut failed = std::mem::take(&mut scratch.failed);
        failed.resize(rows.len(), 0);
        let mut count = 0;
        for offset in local.clone() {
            let label = self.labels[offset] as usize;
            let (upper, lower) = drift.follow(label, self.upper[offset], self.lower[offset]);
            (self.upper[offset], self.lower[offset]) = (upper, lower);
            failed[count] = (base + offset) as u32;
            count += usize::from(!drift.keeps(upper, lower));
        }
        failed.truncate(count);
        if drift.too_many_fail(count, rows.len()) {
            scratch.failed = failed;
            self.lower[local].fill(F::ZERO); // what they say is not true of the labels to come
            return (self.compare_all(step, false, scratch, rows), count);
        }
        // The distance to the own centre alone settles many of them.
        scratch.best.resize(count, F::ZERO);
        x.distances_to_own(&failed, self.labels, base, step.centers, &step.panels.norms, &mut scratch.best);
        let mut left = 0;
        for position in 0..count {
            let row = failed[position];
            let offset = row as usize - base;
            self.upper[offset] = drift.tight(scratch.best[position]);
            failed[left] = row;
            left += usize::from(!drift.keeps(self.upper[offset], self.lower[offset]));
        }
        failed.truncate(left);
        scratch.two_nearest(x, RowSet::List(&failed), &step.panels);
        let mut changed = 0;
        for (position, &row) in failed.iter().enumerate() {
            let offset = row as usize - base;
            (self.upper[offset], self.lower[offset]) = drift.seed(scratch.best[position], scratch.second[position]);
            changed += usize::from(self.relabel(step, scratch, position, row as usize));
        }
        self.sum(step, rows);
        scratch.failed = failed;
        (changed, count)
    }

    /// Gives a row the label found at a position of the scratch buffers; returns whether that changes it.
    #[inline(always)]
    fn relabel<R: Rows<F>>(&mut self, step: &Step<F, R>, scratch: &Scratch<F>, position: usize, row: usize) -> bool {
        let label = &mut self.labels[row - self.rows.start];
        let mut index = scratch.index[position];
        if step.elkan && step.drift.is_close(scratch.best[position], scratch.second[position]) {
            index = step.settle(row, *label);
        }
        std::mem::replace(label, index as i32) != index as i32
    }

    /// Adds rows to the partial sums of their clusters, if this block keeps any.
    fn sum<R: Rows<F>>(&mut self, step: &Step<F, R>, rows: Range<usize>) {
        if self.partial.is_empty() {
            return;
        }
        let n_clusters = step.panels.count;
        let labels = &self.labels[rows.start - self.rows.start..][..rows.len()];
        let (cluster_sums, totals) = self.partial.split_at_mut(self.partial.len() - n_clusters);
        step.x.add_by_label(rows, step.weights, labels, cluster_sums, totals);
    }
}
