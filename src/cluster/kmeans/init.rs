//! Seeding: k-means++ with greedy trials, random rows, given centres. The draws are those of scikit-learn.

use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::random::{Mt19937, choice};
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::{Norm, Rows, Scratch, norms};

/// Rows whose distances to the candidates are computed at a time.
const STRIPE: usize = 480;

/// How the centres of a run start.
#[derive(Debug, Clone, Copy)]
pub enum Init<'a, F> {
    /// Greedy k-means++.
    PlusPlus,
    /// Different rows, drawn by weight.
    Random,
    /// Given centres, one set per run: row-major, shape `(n_init, n_clusters, n_features)`.
    Centers(&'a [F]),
}

/// The centres that run number `run` starts from, row-major.
///
/// # Errors
/// Those of sampling and of the allocations; [`Error::Shape`] if given centres do not fit.
pub fn centers<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    norms: &[f64],
    weights: Option<&[F]>,
    init: &Init<F>,
    run: usize,
    n_clusters: usize,
    random: &mut Mt19937,
) -> Result<Vec<F>> {
    match init {
        Init::PlusPlus => Ok(plus_plus(ctx, x, norms, weights, n_clusters, None, random)?.centers),
        Init::Random => {
            let n_rows = x.n_rows();
            if n_clusters > n_rows {
                return Err(Error::InvalidArgument(
                    "Cannot take a larger sample than population when replace is False",
                ));
            }
            let mut chances = memory::try_with_capacity(n_rows)?;
            chances.extend(probabilities(weights, n_rows));
            let rows = choice::without_replacement(&chances, n_clusters, random)?;
            dense_rows(x, &rows)
        }
        Init::Centers(all) => {
            let len = memory::checked_len(n_clusters, x.n_cols())?;
            check_length("init", all.len().min((run + 1) * len), (run + 1) * len)?;
            memory::try_copied(&all[run * len..][..len])
        }
    }
}

/// The probabilities of the rows as NumPy rounds `weights / weights.sum()`.
pub fn probabilities<F: Float>(weights: Option<&[F]>, n_rows: usize) -> impl Iterator<Item = f64> + '_ {
    let total = weights.map_or(F::from_usize(n_rows), norms::pairwise_sum);
    (0..n_rows).map(move |row| (weights.map_or(F::ONE, |weights| weights[row]) / total).to_f64())
}

fn dense_rows<F: Float, R: Rows<F>>(x: &R, rows: &[usize]) -> Result<Vec<F>> {
    let n_cols = x.n_cols();
    let mut out = memory::try_filled(memory::checked_len(rows.len(), n_cols)?, F::ZERO)?;
    rows.iter().zip(out.chunks_exact_mut(n_cols)).for_each(|(&row, out)| x.write_row(row, out));
    Ok(out)
}

/// Squared norms of all rows, in f64.
///
/// # Errors
/// [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn squared_norms<F: Float, R: Rows<F>>(ctx: &Context, x: &R) -> Result<Vec<f64>> {
    let mut norms = memory::try_filled(x.n_rows(), 0.0)?;
    let blocks = Blocks::new(x.n_rows(), 1024, 64);
    let jobs: Vec<_> = blocks.ranges().zip(norms.chunks_mut(blocks.rows())).collect();
    parallel::map_with(
        ctx,
        jobs,
        || Ok(Scratch::default()),
        |scratch, (range, out)| {
            x.squared_norms(range, scratch, out);
            Ok(())
        },
    )?;
    Ok(norms)
}

/// Seeds chosen by [`plus_plus`].
#[derive(Debug)]
pub struct Seeds<F> {
    /// The rows chosen, densely, shape `(n_clusters, n_features)`.
    pub centers: Vec<F>,
    /// Their positions.
    pub rows: Vec<usize>,
}

/// Greedy k-means++: each seed is the best of a few rows drawn with probability proportional to weight times squared
/// distance to the nearest seed so far. `trials` defaults to `2 + ln(n_clusters)`.
///
/// # Errors
/// [`Error::InvalidArgument`] without rows, [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn plus_plus<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    norms: &[f64],
    weights: Option<&[F]>,
    n_clusters: usize,
    trials: Option<usize>,
    random: &mut Mt19937,
) -> Result<Seeds<F>> {
    let n_rows = x.n_rows();
    check_length("x_squared_norms", norms.len(), n_rows)?;
    if n_rows == 0 {
        return Err(Error::InvalidArgument("cannot seed clusters without rows"));
    }
    let trials = trials.unwrap_or_else(|| 2 + (n_clusters as f64).ln() as usize);
    let mut rows = memory::try_with_capacity(n_clusters)?;
    rows.push(choice::Cumulative::new(n_rows, probabilities(weights, n_rows))?.draw(random));

    let mut search = Search::new(x, norms, weights)?;
    let mut potential = search.try_candidates(ctx, &rows[..1])?[0];
    search.adopt(ctx, 0)?;
    while rows.len() < n_clusters {
        let targets: Vec<f64> = (0..trials).map(|_| random.next_f64()).collect();
        let targets: Vec<f64> = targets.iter().map(|draw| draw * potential.to_f64()).collect();
        let candidates = search.find(&targets);
        let potentials = search.try_candidates(ctx, &candidates)?;
        let best = (1..trials).fold(0, |best, trial| if potentials[trial] < potentials[best] { trial } else { best });
        search.adopt(ctx, best)?;
        potential = potentials[best];
        rows.push(candidates[best]);
    }
    Ok(Seeds { centers: dense_rows(x, &rows)?, rows })
}

/// Squared distances of all rows to their nearest seed, and the same for each candidate seed.
struct Search<'a, F, R> {
    x: &'a R,
    norms: &'a [f64],
    weights: Option<&'a [F]>,
    blocks: Blocks,
    /// To the nearest seed so far; infinite at first.
    closest: Vec<F>,
    /// To the nearest seed or candidate: block by block, in it candidate by candidate.
    trial: Vec<F>,
    /// Weighted sums of `closest`, block by block.
    block_sums: Vec<F>,
}

impl<'a, F: Float, R: Rows<F>> Search<'a, F, R> {
    fn new(x: &'a R, norms: &'a [f64], weights: Option<&'a [F]>) -> Result<Self> {
        let blocks = Blocks::new(x.n_rows(), 2 * STRIPE, 64);
        let closest = memory::try_filled(x.n_rows(), F::INFINITY)?;
        Ok(Self { x, norms, weights, blocks, closest, trial: Vec::new(), block_sums: Vec::new() })
    }

    /// The potential (weighted sum of squared distances) that each candidate would leave.
    fn try_candidates(&mut self, ctx: &Context, candidates: &[usize]) -> Result<Vec<F>> {
        let n_trials = candidates.len();
        let points = dense_rows(self.x, candidates)?;
        let points: Vec<f64> = points.iter().map(|value| value.to_f64()).collect();
        let panels = self.x.pack(&points)?;
        if self.trial.len() < self.x.n_rows() * n_trials {
            self.trial = memory::try_filled(memory::checked_len(self.x.n_rows(), n_trials)?, F::ZERO)?;
        }
        let (x, norms, weights, closest) = (self.x, self.norms, self.weights, &self.closest);
        let jobs: Vec<_> = self.blocks.ranges().zip(self.trial.chunks_mut(self.blocks.rows() * n_trials)).collect();
        let scratch = || Ok((Scratch::default(), memory::try_filled(STRIPE * n_trials, 0.0)?));
        let sums = parallel::map_with(ctx, jobs, scratch, |(scratch, squares), (range, trial): (Range<usize>, _)| {
            let mut sums = vec![0.0; n_trials];
            for start in range.clone().step_by(STRIPE) {
                let rows = start..(start + STRIPE).min(range.end);
                let squares = &mut squares[..rows.len() * n_trials];
                x.distances(rows.clone(), &norms[rows.clone()], &panels, Norm::Point, scratch, squares);
                for (index, squares) in squares.chunks_exact(rows.len()).enumerate() {
                    let out = &mut trial[index * range.len() + rows.start - range.start..][..rows.len()];
                    let (closest, weights) = (&closest[rows.clone()], weights.map(|weights| &weights[rows.clone()]));
                    sums[index] += keep_smaller(squares, closest, weights, out);
                }
            }
            Ok(sums)
        })?;
        let total = |trial: usize| F::from_f64(sums.iter().map(|sums| sums[trial]).sum());
        Ok((0..n_trials).map(total).collect())
    }

    /// Makes a candidate of the last trial a seed.
    fn adopt(&mut self, ctx: &Context, candidate: usize) -> Result<()> {
        let weights = self.weights;
        let n_trials_len = self.trial.len() / self.x.n_rows();
        let trial = self.trial.chunks(self.blocks.rows() * n_trials_len);
        let jobs: Vec<_> = self.blocks.ranges().zip(self.closest.chunks_mut(self.blocks.rows()).zip(trial)).collect();
        self.block_sums = parallel::map(ctx, jobs, |(range, (closest, trial))| {
            closest.copy_from_slice(&trial[candidate * range.len()..][..range.len()]);
            let mut sum = F::ZERO;
            for (index, &square) in closest.iter().enumerate() {
                sum += weights.map_or(square, |weights| weights[range.start + index] * square);
            }
            Ok(sum)
        })?;
        Ok(())
    }

    /// For each target the first row at which the running weighted sum of `closest` reaches it.
    ///
    /// In f32 the running sum rounds as NumPy's `cumsum` does, row by row: the draw depends on it. In f64 it goes block
    /// by block, which differs by less than a draw can tell.
    fn find(&self, targets: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..targets.len()).collect();
        order.sort_by(|&a, &b| targets[a].total_cmp(&targets[b]));
        let last = self.x.n_rows() - 1;
        let mut found = vec![last; targets.len()];
        let mut waiting = order.into_iter().peekable();
        let mut sum = F::ZERO;
        let skips_blocks = F::as_f64(&self.closest).is_some();
        for (range, &block_sum) in self.blocks.ranges().zip(&self.block_sums) {
            let Some(&next) = waiting.peek() else { break };
            let end = sum + block_sum;
            if skips_blocks && end.to_f64() < targets[next] && range.end <= last {
                sum = end;
                continue;
            }
            for row in range {
                let square = self.closest[row];
                sum += self.weights.map_or(square, |weights| weights[row] * square);
                while let Some(target) = waiting.next_if(|&target| sum.to_f64() >= targets[target]) {
                    found[target] = row;
                }
            }
            if skips_blocks {
                sum = end;
            }
        }
        found
    }
}

/// `out = min(closest, squares)`; returns the weighted sum of `out`.
fn keep_smaller<F: Float>(squares: &[f64], closest: &[F], weights: Option<&[F]>, out: &mut [F]) -> f64 {
    for ((out, &square), &closest) in out.iter_mut().zip(squares).zip(closest) {
        let square = F::from_f64(square);
        *out = if square < closest { square } else { closest };
    }
    // Four sums at a time: one chain of additions would take longer than the distances.
    let mut sums = [0.0; 4];
    match weights {
        None => out.chunks(4).for_each(|chunk| {
            chunk.iter().zip(&mut sums).for_each(|(&value, sum)| *sum += value.to_f64());
        }),
        Some(weights) => out.chunks(4).zip(weights.chunks(4)).for_each(|(chunk, weights)| {
            let products = chunk.iter().zip(weights).map(|(&value, &weight)| value.to_f64() * weight.to_f64());
            products.zip(&mut sums).for_each(|(product, sum)| *sum += product);
        }),
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}
