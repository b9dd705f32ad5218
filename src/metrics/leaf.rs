//! A few queries against the points of a leaf, or against the box around them.
//!
//! Coordinates lie feature by feature, [`LEAF`] lanes of each: feature `j` of point `i` is `values[j * LEAF + i]`. A lane
//! then runs through the features in order, so its rank has the bits of [`Additive::rank_of`].
//!
//! A box is given by its corners, `low` and `high`. Its bound is the rank whose differences are the gaps between box and
//! query, each gap rounded like the difference of a coordinate pair. Subtraction, product, sum and maximum keep their
//! order when they are rounded, so no point of the box has a *computed* rank below the *computed* bound. Where a step
//! does not round in order ([`Additive::IN_ORDER`]) the bound is lowered by more than all its roundings.

use std::marker::PhantomData;

use crate::common::settings::settings;
use crate::common::simd::{Isa, Kernel, Simd, dispatch_to};

use super::distance::Additive;

/// Points in a leaf: whole vectors of every instruction set, one bit each in a `u32`.
pub const LEAF: usize = 16;

/// Vectors in a leaf, where they are shortest.
const VECTORS: usize = LEAF / 4;

/// Proof that vectors `S` may be used here: only [`run`] makes it.
#[derive(Debug)]
pub struct Lanes<S>(PhantomData<S>);

impl<S> Clone for Lanes<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Lanes<S> {}

/// A search that is compiled once for every instruction set.
pub trait Search {
    /// What it finds.
    type Output;

    /// The search; it and what it calls must be `#[inline(always)]` to be compiled with the instructions of the set.
    fn run<S: Simd<F = f64>>(self, lanes: Lanes<S>) -> Self::Output;
}

struct Enter<W>(W);

impl<W: Search> Kernel<f64> for Enter<W> {
    type Output = W::Output;

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) -> W::Output {
        self.0.run(Lanes::<S>(PhantomData))
    }
}

/// Runs a search with the instruction set in use.
pub fn run<W: Search>(search: W) -> W::Output {
    run_on(settings().isa, search)
}

/// Runs a search with an instruction set that this machine has: tests compare them.
#[doc(hidden)]
pub fn run_on<W: Search>(isa: Isa, search: W) -> W::Output {
    dispatch_to(isa, Enter(search))
}

impl<S: Simd<F = f64>> Lanes<S> {
    /// Ranks of one query to all lanes of a leaf; the bits of those not above `limit`.
    ///
    /// `queries` and `leaf` have shape `(n_cols, LEAF)`; `lane` says which query.
    #[inline(always)]
    pub fn near<M: Additive>(
        self,
        metric: M,
        queries: &[f64],
        lane: usize,
        leaf: &[f64],
        limit: f64,
        ranks: &mut [f64; LEAF],
    ) -> u32 {
        assert!(queries.len() == leaf.len() && leaf.len().is_multiple_of(LEAF) && lane < LEAF);
        let vectors = LEAF / S::WIDTH;
        // SAFETY: `Lanes` proves the instruction set. Feature `j` has its lanes at `j * LEAF..(j + 1) * LEAF` of both
        // slices, which were found to be equally long multiples of `LEAF`; `ranks` has `LEAF` lanes.
        unsafe {
            let mut sums = [S::splat(0.0); VECTORS];
            for start in (0..leaf.len()).step_by(LEAF) {
                let coordinate = S::splat(*queries.get_unchecked(start + lane));
                for v in 0..vectors {
                    let point = S::load(leaf.as_ptr().add(start + v * S::WIDTH));
                    sums[v] = metric.step::<S>(sums[v], coordinate, point);
                }
            }
            let limit = S::splat(limit);
            let mut above = 0;
            for v in 0..vectors {
                S::store(ranks.as_mut_ptr().add(v * S::WIDTH), sums[v]);
                above |= S::bits(S::lt(limit, sums[v])) << (v * S::WIDTH);
            }
            !above & ALL
        }
    }

    /// The largest of some numbers.
    #[inline(always)]
    pub fn largest(self, values: &[f64; LEAF]) -> f64 {
        let mut lanes = [0.0; 16];
        // SAFETY: `Lanes` proves the instruction set; `LEAF` is a multiple of all widths, and `lanes` holds the widest.
        unsafe {
            let mut largest = S::load(values.as_ptr());
            for start in (S::WIDTH..LEAF).step_by(S::WIDTH) {
                largest = S::max(largest, S::load(values.as_ptr().add(start)));
            }
            S::store(lanes.as_mut_ptr(), largest);
        }
        lanes[1..S::WIDTH].iter().fold(lanes[0], |largest, &value| if value > largest { value } else { largest })
    }

    /// The bits of those queries whose bound to the box is not above their limit.
    ///
    /// `queries` has shape `(n_cols, LEAF)`, `low` and `high` have `n_cols` entries.
    #[inline(always)]
    pub fn reaching<M: Additive>(
        self,
        metric: M,
        queries: &[f64],
        limits: &[f64; LEAF],
        low: &[f64],
        high: &[f64],
    ) -> u32 {
        assert!(queries.len() == low.len() * LEAF && low.len() == high.len());
        let vectors = LEAF / S::WIDTH;
        // SAFETY: `Lanes` proves the instruction set. There are `LEAF` lanes for each entry of `low` and of `high`.
        unsafe {
            let zero = S::splat(0.0);
            let mut sums = [zero; VECTORS];
            for column in 0..low.len() {
                let low = S::splat(*low.get_unchecked(column));
                let high = S::splat(*high.get_unchecked(column));
                for v in 0..vectors {
                    let query = S::load(queries.as_ptr().add(column * LEAF + v * S::WIDTH));
                    let gap = S::max(zero, S::max(S::sub(low, query), S::sub(query, high)));
                    sums[v] = metric.step::<S>(sums[v], gap, zero);
                }
            }
            let mut above = 0;
            for v in 0..vectors {
                if !M::IN_ORDER {
                    let finite = S::min(sums[v], S::splat(f64::MAX));
                    let lowered = S::sub(S::mul(finite, S::splat(lowering(low.len()))), S::splat(f64::MIN_POSITIVE));
                    sums[v] = S::max(zero, lowered);
                }
                let limit = S::load(limits.as_ptr().add(v * S::WIDTH));
                above |= S::bits(S::lt(limit, sums[v])) << (v * S::WIDTH);
            }
            !above & ALL
        }
    }
}

/// A bit for every lane.
pub const ALL: u32 = u32::MAX >> (32 - LEAF);

/// A lower bound of the ranks between the points of two boxes. All corners have `n_cols` entries.
#[inline(always)]
pub fn bound_between<M: Additive>(metric: M, low: &[f64], high: &[f64], other_low: &[f64], other_high: &[f64]) -> f64 {
    let n_cols = low.len();
    assert!(high.len() == n_cols && other_low.len() == n_cols && other_high.len() == n_cols);
    let mut rank = 0.0;
    for column in 0..n_cols {
        let below = low[column] - other_high[column];
        let above = other_low[column] - high[column];
        let gap = if below > above { below } else { above };
        rank = metric.step_one(rank, if gap > 0.0 { gap } else { 0.0 }, 0.0);
    }
    if M::IN_ORDER { rank } else { (rank.min(f64::MAX) * lowering(n_cols) - f64::MIN_POSITIVE).max(0.0) }
}

/// An upper bound of the computed ranks between the points of two boxes, for metrics whose steps round in order
/// ([`Additive::IN_ORDER`]). All corners have `n_cols` entries.
#[inline(always)]
pub fn upper_bound_between<M: Additive>(
    metric: M,
    low: &[f64],
    high: &[f64],
    other_low: &[f64],
    other_high: &[f64],
) -> f64 {
    let n_cols = low.len();
    assert!(high.len() == n_cols && other_low.len() == n_cols && other_high.len() == n_cols);
    (0..n_cols).fold(0.0, |rank, column| {
        let gap = (high[column] - other_low[column]).max(other_high[column] - low[column]);
        metric.step_one(rank, gap, 0.0)
    })
}

/// One less than the relative error of two chains of `n_cols` steps whose powers are off by an ulp or two. (What is lost
/// below the smallest normal number is far less than that number.)
fn lowering(n_cols: usize) -> f64 {
    1.0 - (8.0 + 4.0 * n_cols as f64) * f64::EPSILON
}
