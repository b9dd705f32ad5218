//! k-means: Lloyd's iterations, greedy k-means++ seeding, mini-batches, bisection.
//!
//! Each iteration assigns every row to its nearest centre and moves every centre to the mean of its rows. Rows meet the
//! centres in register tiles ([`crate::linalg::tile`]); sums are taken while the rows are in the cache; rows whose
//! distance bounds prove that their centre cannot have changed are not compared again ([`bounds`]). Seeds, labels and
//! the number of iterations are scikit-learn's: the same draws, the same order of sums where it decides a tie.
//!
//! References: S. Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28 (1982); D. Arthur and
//! S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007; G. Hamerly, "Making k-means even
//! faster", SDM 2010; D. Sculley, "Web-scale k-means clustering", WWW 2010.

pub mod bisecting;
pub mod bounds;
mod centers;
pub mod host;
pub mod init;
pub mod lloyd;
pub mod minibatch;

use crate::common::random::Mt19937;
use crate::common::{Context, Float, Result, memory};
use crate::linalg::{Csr, Dense, Rows, norms};
use host::{Host, Snapshot, Task};
use init::Init;

/// Parameters of [`fit_dense`] and [`fit_csr`].
#[derive(Debug, Clone, Copy)]
pub struct Params<'a, F> {
    /// Number of clusters.
    pub n_clusters: usize,
    /// How to seed.
    pub init: Init<'a, F>,
    /// Whether given centres are those of centred rows.
    pub init_is_centred: bool,
    /// Runs with different seeds; the one with the least inertia is kept.
    pub n_init: usize,
    /// Most iterations of a run.
    pub max_iter: usize,
    /// Relative tolerance: scaled by the mean variance of the features.
    pub tol: f64,
    /// Progress lines end as those of scikit-learn's Elkan variant do.
    pub elkan: bool,
}

/// A fitted model.
#[derive(Debug)]
pub struct Fit<F> {
    /// Centres, row-major, shape `(n_clusters, n_features)`.
    pub centers: Vec<F>,
    /// Cluster of each row, shape `(n_samples,)`.
    pub labels: Vec<i32>,
    /// Weighted sum of squared distances of the rows to their centres.
    pub inertia: f64,
    /// Iterations of the run that was kept.
    pub n_iter: usize,
    /// The absolute tolerance on the squared movement of the centres.
    pub tol: F,
}

/// Fits dense rows. They are centred on the fly, never copied.
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
    let centred = x.shifted(&means)?;
    let tol = if params.tol == 0.0 { F::ZERO } else { scaled_tolerance(&lloyd::variances(ctx, &centred)?, params.tol) };
    let given = match params.init {
        Init::Centers(centers) if !params.init_is_centred => {
            let mut centers = memory::try_copied(centers)?;
            for center in centers.chunks_exact_mut(means.len()) {
                center.iter_mut().zip(&means).for_each(|(value, &mean)| *value -= mean);
            }
            Some(centers)
        }
        _ => None,
    };
    let init = given.as_deref().map_or(params.init, Init::Centers);
    let mut fit = best_run(ctx, &centred, weights, &Params { init, ..*params }, tol, random, host)?;
    uncentre(&mut fit.centers, &means);
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
    let tol = if params.tol == 0.0 { F::ZERO } else { csr_tolerance(x, params.tol)? };
    best_run(ctx, x, weights, params, tol, random, host)
}

fn best_run<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    weights: Option<&[F]>,
    params: &Params<F>,
    tol: F,
    random: &mut Mt19937,
    host: &dyn Host<F>,
) -> Result<Fit<F>> {
    let norms = match params.init {
        Init::PlusPlus => init::squared_norms(ctx, x)?,
        _ => Vec::new(),
    };
    let single = lloyd::Params { max_iter: params.max_iter, tol, elkan: params.elkan };
    let mut best: Option<Fit<F>> = None;
    for run in 0..params.n_init {
        host.begin(Task::Run)?;
        let seeds = init::centers(ctx, x, &norms, weights, &params.init, run, params.n_clusters, random)?;
        host.report("Initialization complete", &[])?;
        let lloyd::Run { labels, inertia, centers, n_iter } = lloyd::run(ctx, x, weights, seeds, &single, host)?;
        // The same clusters under other names may come with an inertia that is less by a rounding error.
        let better = best
            .as_ref()
            .is_none_or(|best| inertia < best.inertia && !same_clustering(&labels, &best.labels, params.n_clusters));
        if better {
            best = Some(Fit { centers, labels, inertia, n_iter, tol });
        }
        if let Some(best) = &best
            && host.end(Task::Run, Snapshot::Centers(&best.centers, best.n_iter))?
        {
            break;
        }
    }
    best.ok_or(crate::common::Error::InvalidArgument("n_init must be at least 1"))
}

/// Column means as NumPy's `X.mean(axis=0)` rounds them.
pub fn column_means<F: Float>(x: &Dense<F>) -> Vec<F> {
    let mut means = norms::column_sums(x.values(), x.n_cols());
    let n_rows = F::from_usize(x.n_rows());
    means.iter_mut().for_each(|mean| *mean = *mean / n_rows);
    means
}

/// The absolute tolerance for dense rows: `tol` times the mean variance of the features.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
pub fn dense_tolerance<F: Float>(ctx: &Context, x: &Dense<F>, tol: f64) -> Result<F> {
    let means = column_means(x);
    Ok(scaled_tolerance(&lloyd::variances(ctx, &x.shifted(&means)?)?, tol))
}

/// The absolute tolerance for sparse rows.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`].
pub fn csr_tolerance<F: Float>(x: &Csr<F>, tol: f64) -> Result<F> {
    Ok(scaled_tolerance(&x.variances()?, tol))
}

fn scaled_tolerance<F: Float>(variances: &[f64], tol: f64) -> F {
    let mean = variances.iter().sum::<f64>() / variances.len() as f64;
    F::from_f64(mean) * F::from_f64(tol)
}

/// Adds the means back to centres of centred rows.
pub fn uncentre<F: Float>(centers: &mut [F], means: &[F]) {
    for center in centers.chunks_exact_mut(means.len()) {
        center.iter_mut().zip(means).for_each(|(value, &mean)| *value += mean);
    }
}

/// Whether two labellings are the same but for the names of the clusters.
fn same_clustering(a: &[i32], b: &[i32], n_clusters: usize) -> bool {
    let mut names = vec![None; n_clusters];
    a.iter().zip(b).all(|(&a, &b)| *names[a as usize].get_or_insert(b) == b)
}

/// Labels of the rows of `x` for given centres: `predict`.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
pub fn assign<F: Float, R: Rows<F>>(ctx: &Context, x: &R, centers: &[F]) -> Result<Vec<i32>> {
    let mut labels = memory::try_filled(x.n_rows(), 0)?;
    lloyd::assign(ctx, x, centers, &mut labels)?;
    Ok(labels)
}

/// Labels of the rows of `x` for given centres, and the inertia: `score`.
///
/// # Errors
/// As [`assign`].
pub fn assign_and_score<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    weights: Option<&[F]>,
    centers: &[F],
) -> Result<(Vec<i32>, f64)> {
    let labels = assign(ctx, x, centers)?;
    let inertia = lloyd::inertia(ctx, x, weights, centers, &labels, None)?;
    Ok((labels, inertia))
}

#[cfg(test)]
mod tests;
