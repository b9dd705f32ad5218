//! Mini-batch k-means: a running mean per centre, fed with small random batches.
//!
//! Reference: D. Sculley, "Web-scale k-means clustering", WWW 2010. Which rows a batch holds, when starved centres are
//! put elsewhere and when to stop follow scikit-learn step by step.

use super::host::{Host, Number, Snapshot, Task};
use super::init::{self, Init};
use crate::common::error::check_length;
use crate::common::random::{Mt19937, choice::Cumulative};
use crate::common::{Context, Error, Float, Result, memory};
use crate::linalg::{Nearest, RowSet, Rows, Scratch, norms};

/// Parameters of [`fit`].
#[derive(Debug)]
pub struct Params<'a, F> {
    /// Number of clusters.
    pub n_clusters: usize,
    /// How to seed; the best of `n_init` seedings is kept.
    pub init: Init<'a, F>,
    /// Seedings to try.
    pub n_init: usize,
    /// Rows drawn for each seeding.
    pub init_size: usize,
    /// Rows that seedings are compared on; none: drawn here.
    pub validation: Option<&'a [u32]>,
    /// Whether a seeding draws its rows even if it does not need them (it does not when a callable already has).
    pub draws_subset: bool,
    /// Rows per batch.
    pub batch_size: usize,
    /// Batches at most.
    pub n_steps: usize,
    /// Absolute tolerance on the squared movement of the centres; 0: not looked at.
    pub tol: F,
    /// Batches without improvement after which to stop.
    pub max_no_improvement: Option<usize>,
    /// Centres with less than this fraction of the largest weight are put elsewhere.
    pub reassignment_ratio: f64,
    /// Whether labels and inertia of all rows are wanted.
    pub compute_labels: bool,
}

/// What the next batch needs to know of the former ones.
#[derive(Debug, Clone)]
pub struct Progress<F> {
    /// Centres, row-major, shape `(n_clusters, n_features)`.
    pub centers: Vec<F>,
    /// Weight that each centre has taken in.
    pub counts: Vec<F>,
    /// Rows since starved centres were last looked for.
    pub since_reassignment: usize,
}

/// A fitted model.
#[derive(Debug)]
pub struct Fit<F> {
    /// Centres and counts.
    pub progress: Progress<F>,
    /// Batches used.
    pub n_steps: usize,
    /// Smoothed inertia per row, and its least value so far; none before the second batch.
    pub smoothed: Option<f64>,
    /// See `smoothed`.
    pub min_smoothed: Option<f64>,
    /// Batches since the last improvement.
    pub no_improvement: usize,
    /// Labels and inertia, if wanted.
    pub labels: Option<(Vec<i32>, f64)>,
}

/// Fits the rows of `x`.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Host`], [`Error::Interrupted`], errors of sampling.
pub fn fit<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    weights: Option<&[F]>,
    params: &Params<F>,
    random: &mut Mt19937,
    host: &dyn Host<F>,
) -> Result<Fit<F>> {
    let n_rows = x.n_rows();
    check_length("sample_weight", weights.map_or(n_rows, <[F]>::len), n_rows)?;
    let centers = best_seeding(ctx, x, weights, params, random, host)?;
    let chances = Cumulative::new(n_rows, init::probabilities(weights, n_rows))?;
    let counts = memory::try_filled(params.n_clusters, F::ZERO)?;
    let progress = Progress { centers, counts, since_reassignment: 0 };
    let mut fit = Fit { progress, n_steps: 0, smoothed: None, min_smoothed: None, no_improvement: 0, labels: None };
    let mut batch = memory::try_filled(params.batch_size, 0)?;
    let mut step = Step::new(params.batch_size)?;
    let mut former = memory::try_filled(fit.progress.centers.len(), F::ZERO)?;
    while fit.n_steps < params.n_steps {
        ctx.check()?;
        host.begin(Task::Iteration)?;
        batch.iter_mut().for_each(|row| *row = chances.draw(random) as u32);
        former.copy_from_slice(&fit.progress.centers);
        let (rows, size, ratio) = (RowSet::List(&batch), params.batch_size, params.reassignment_ratio);
        let inertia = step.run(x, rows, None, size, ratio, &mut fit.progress, random, host)?;
        fit.n_steps += 1;
        let moved = if params.tol > F::ZERO {
            let squares: Vec<F> =
                fit.progress.centers.iter().zip(&former).map(|(&new, &old)| (new - old) * (new - old)).collect();
            norms::pairwise_sum(&squares)
        } else {
            F::ZERO
        };
        let has_converged = fit.has_converged(params, n_rows, moved, inertia, host)?;
        let is_last = host.end(Task::Iteration, Snapshot::Centers(&fit.progress.centers, fit.n_steps))?;
        if has_converged || is_last {
            break;
        }
    }
    if params.compute_labels {
        fit.labels = Some(super::assign_and_score(ctx, x, weights, &fit.progress.centers)?);
    }
    Ok(fit)
}

fn best_seeding<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    weights: Option<&[F]>,
    params: &Params<F>,
    random: &mut Mt19937,
    host: &dyn Host<F>,
) -> Result<Vec<F>> {
    let n_rows = x.n_rows();
    let draw_rows = |random: &mut Mt19937| -> Result<Vec<u32>> {
        let mut rows = memory::try_with_capacity(params.init_size)?;
        rows.extend((0..params.init_size).map(|_| random.at_max(n_rows as u64 - 1) as u32));
        Ok(rows)
    };
    let part = |rows: &[u32]| -> Result<(R, Option<Vec<F>>)> {
        let weights = weights.map(|weights| rows.iter().map(|&row| weights[row as usize]).collect());
        Ok((x.gather(rows)?, weights))
    };
    let validation = match params.validation {
        Some(rows) => part(rows)?,
        None => part(&draw_rows(random)?)?,
    };
    let mut best: Option<(Vec<F>, f64)> = None;
    for run in 0..params.n_init {
        let numbers = [Number::Count(run + 1), Number::Count(params.n_init)];
        host.report("Init {}/{} with method {init}", &numbers)?;
        let subset =
            if params.draws_subset && params.init_size < n_rows { Some(part(&draw_rows(random)?)?) } else { None };
        let seed = |x: &R, weights: Option<&[F]>, random: &mut Mt19937| {
            let norms = match params.init {
                Init::PlusPlus => init::squared_norms(ctx, x)?,
                _ => Vec::new(),
            };
            init::centers(ctx, x, &norms, weights, &params.init, run, params.n_clusters, random)
        };
        let centers = match &subset {
            Some((x, weights)) => seed(x, weights.as_deref(), random)?,
            None => seed(x, weights, random)?,
        };
        let (x_valid, weights_valid) = &validation;
        let (_, inertia) = super::assign_and_score(ctx, x_valid, weights_valid.as_deref(), &centers)?;
        host.report("Inertia for init {}/{}: {}", &[numbers[0], numbers[1], Number::Real(inertia)])?;
        if best.as_ref().is_none_or(|(_, least)| inertia < *least) {
            best = Some((centers, inertia));
        }
    }
    best.map(|(centers, _)| centers).ok_or(Error::InvalidArgument("n_init must be at least 1"))
}

impl<F: Float> Fit<F> {
    /// Whether to stop after the batch just made (`self.n_steps` counts it).
    fn has_converged(
        &mut self,
        params: &Params<F>,
        n_rows: usize,
        moved: F,
        inertia: f64,
        host: &dyn Host<F>,
    ) -> Result<bool> {
        let inertia = inertia / params.batch_size as f64;
        let at = [Number::Count(self.n_steps), Number::Count(params.n_steps)];
        if self.n_steps == 1 {
            // Its inertia tells of the seeding, not of progress.
            host.report("Minibatch step {}/{}: mean batch inertia: {}", &[at[0], at[1], Number::Real(inertia)])?;
            return Ok(false);
        }
        let smoothed = match self.smoothed {
            None => inertia,
            Some(former) => {
                let fraction = (params.batch_size as f64 * 2.0 / (n_rows as f64 + 1.0)).min(1.0);
                former * (1.0 - fraction) + inertia * fraction
            }
        };
        self.smoothed = Some(smoothed);
        let numbers = [at[0], at[1], Number::Real(inertia), Number::Real(smoothed)];
        host.report("Minibatch step {}/{}: mean batch inertia: {}, ewa inertia: {}", &numbers)?;
        if params.tol > F::ZERO && moved <= params.tol {
            host.report("Converged (small centers change) at step {}/{}", &at)?;
            return Ok(true);
        }
        if self.min_smoothed.is_none_or(|least| smoothed < least) {
            self.no_improvement = 0;
            self.min_smoothed = Some(smoothed);
        } else {
            self.no_improvement += 1;
        }
        if params.max_no_improvement.is_some_and(|most| self.no_improvement >= most) {
            host.report("Converged (lack of improvement in inertia) at step {}/{}", &at)?;
            return Ok(true);
        }
        Ok(false)
    }
}

/// One step on all rows of `x`: `partial_fit`. `batch_size` is what the counter of rows seen advances by.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Host`], [`Error::InvalidArgument`] when every centre is starved.
pub fn step<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    weights: Option<&[F]>,
    batch_size: usize,
    reassignment_ratio: f64,
    progress: &mut Progress<F>,
    random: &mut Mt19937,
    host: &dyn Host<F>,
) -> Result<()> {
    check_length("sample_weight", weights.map_or(x.n_rows(), <[F]>::len), x.n_rows())?;
    check_length("centers", progress.centers.len(), memory::checked_len(progress.counts.len(), x.n_cols())?)?;
    ctx.check()?;
    let rows = RowSet::Range(0, x.n_rows());
    Step::new(x.n_rows())?.run(x, rows, weights, batch_size, reassignment_ratio, progress, random, host)?;
    Ok(())
}

/// Buffers of a batch.
#[derive(Debug)]
struct Step<F> {
    scratch: Scratch<F>,
    index: Vec<u32>,
}

impl<F: Float> Step<F> {
    /// Room for batches of `batch_size` rows.
    fn new(batch_size: usize) -> Result<Self> {
        Ok(Self { scratch: Scratch::default(), index: memory::try_filled(batch_size, 0)? })
    }

    /// Takes in one batch: assigns `rows`, moves the centres, puts starved centres elsewhere. `weights`, if any, has one
    /// entry per row of the batch. Returns the inertia of the batch before the centres moved.
    fn run<R: Rows<F>>(
        &mut self,
        x: &R,
        rows: RowSet,
        weights: Option<&[F]>,
        batch_size: usize,
        reassignment_ratio: f64,
        progress: &mut Progress<F>,
        random: &mut Mt19937,
        host: &dyn Host<F>,
    ) -> Result<f64> {
        let (n_cols, n_clusters, n_batch) = (x.n_cols(), progress.counts.len(), rows.len());
        progress.since_reassignment += batch_size;
        let looks_for_starved = progress.counts.contains(&F::ZERO) || progress.since_reassignment >= 10 * n_clusters;
        if looks_for_starved {
            progress.since_reassignment = 0;
        }

        let panels = x.pack(&progress.centers)?;
        self.index.resize(n_batch, 0);
        x.nearest(rows, &panels, &mut self.scratch, Nearest { index: &mut self.index, two_best: None });
        let weight_of = |position: usize| weights.map(|weights| weights[position]);
        let mut inertia = F::ZERO;
        for (position, &label) in self.index.iter().enumerate() {
            let center = &progress.centers[label as usize * n_cols..][..n_cols];
            let square = x.squared_distance(rows.row(position), center, panels.norms[label as usize]);
            inertia += weight_of(position).map_or(square, |weight| square * weight);
        }

        let mut gained = memory::try_filled(n_clusters, F::ZERO)?;
        for (position, &label) in self.index.iter().enumerate() {
            gained[label as usize] += weight_of(position).unwrap_or(F::ONE);
        }
        for (center, (&gained, &count)) in
            progress.centers.chunks_exact_mut(n_cols).zip(gained.iter().zip(&progress.counts))
        {
            if gained > F::ZERO {
                center.iter_mut().for_each(|value| *value *= count);
            }
        }
        for (position, &label) in self.index.iter().enumerate() {
            if gained[label as usize] > F::ZERO {
                let center = &mut progress.centers[label as usize * n_cols..][..n_cols];
                x.add_row(rows.row(position), weight_of(position), center);
            }
        }
        for (cluster, &gained) in gained.iter().enumerate() {
            if gained > F::ZERO {
                progress.counts[cluster] += gained;
                let scale = F::ONE / progress.counts[cluster];
                progress.centers[cluster * n_cols..][..n_cols].iter_mut().for_each(|value| *value *= scale);
            }
        }
        if looks_for_starved && reassignment_ratio > 0.0 {
            reassign(x, rows, reassignment_ratio, progress, random, host)?;
        }
        Ok(inertia.to_f64())
    }
}

/// Puts centres that took in little weight on random rows of the batch.
fn reassign<F: Float, R: Rows<F>>(
    x: &R,
    rows: RowSet,
    ratio: f64,
    progress: &mut Progress<F>,
    random: &mut Mt19937,
    host: &dyn Host<F>,
) -> Result<()> {
    let counts = &mut progress.counts;
    let most = counts.iter().fold(F::ZERO, |most, &count| if count > most { count } else { most });
    let limit = F::from_f64(ratio) * most;
    let mut starved: Vec<bool> = counts.iter().map(|&count| count < limit).collect();
    let half = rows.len() / 2;
    let number = |starved: &[bool]| starved.iter().filter(|&&starved| starved).count();
    if 2 * number(&starved) > rows.len() {
        host.argsort(counts)?.into_iter().skip(half).for_each(|cluster| starved[cluster] = false);
    }
    let n_starved = number(&starved);
    if n_starved > 0 {
        let mut positions: Vec<usize> = (0..rows.len()).collect();
        random.shuffle(&mut positions);
        host.report("[MiniBatchKMeans] Reassigning {} cluster centers.", &[Number::Count(n_starved)])?;
        let centers = progress.centers.chunks_exact_mut(x.n_cols()).zip(&starved).filter(|(_, starved)| **starved);
        for ((center, _), &position) in centers.zip(&positions) {
            x.write_row(rows.row(position), center);
        }
    }
    // Enough weight not to be moved again at once.
    let fed = counts.iter().zip(&starved).filter(|(_, starved)| !**starved).map(|(&count, _)| count);
    let least = fed
        .reduce(|least, count| if count < least { count } else { least })
        .ok_or(Error::InvalidArgument("zero-size array to reduction operation minimum which has no identity"))?;
    counts.iter_mut().zip(&starved).filter(|(_, starved)| **starved).for_each(|(count, _)| *count = least);
    Ok(())
}
