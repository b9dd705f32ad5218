//! What the features of a pair of rows add up to, for every metric: one or two sums, and the distance that they make.
//!
//! Each sum is one chain over the features in order, without fused operations: a pair has the same bits in every lane
//! and on every instruction set. They are also the sums that SciPy takes, to the bit, but for cosine and correlation.

use super::distance::Additive;
use crate::common::simd::Simd;

/// What a metric does before the features are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    /// Nothing: rows are taken as they are.
    No,
    /// Rows are scaled to length 1.
    Unit,
    /// Rows are scaled to length 1, less their means.
    CentredUnit,
}

/// The sums of a metric.
pub trait Terms: Copy + Send + Sync {
    /// How many sums are in use: 1 or 2.
    const SUMS: usize = 1;
    /// What rows go through first.
    const PREPARED: Prepared = Prepared::No;

    /// The sums with one more feature: coordinates `x` and `y`.
    ///
    /// # Safety
    /// The instruction set of `S`.
    unsafe fn step<S: Simd<F = f64>>(self, sums: [S::V; 2], x: S::V, y: S::V) -> [S::V; 2];

    /// The distance. For prepared rows `norms` is the product of their squared lengths.
    fn distance(self, sums: [f64; 2], norms: f64) -> f64;
}

/// The terms of a distance by features.
#[derive(Debug, Clone, Copy)]
pub struct ByFeature<A>(pub A);

impl<A: Additive> Terms for ByFeature<A> {
    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, sums: [S::V; 2], x: S::V, y: S::V) -> [S::V; 2] {
        // SAFETY: the instruction set is the caller's.
        unsafe { [self.0.step::<S>(sums[0], x, y), sums[1]] }
    }

    #[inline(always)]
    fn distance(self, sums: [f64; 2], _norms: f64) -> f64 {
        self.0.distance(sums[0])
    }
}

/// The rank of a distance by features, taken for the distance.
#[derive(Debug, Clone, Copy)]
pub struct RankOf<A>(pub A);

impl<A: Additive> Terms for RankOf<A> {
    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, sums: [S::V; 2], x: S::V, y: S::V) -> [S::V; 2] {
        // SAFETY: the instruction set is the caller's.
        unsafe { [self.0.step::<S>(sums[0], x, y), sums[1]] }
    }

    #[inline(always)]
    fn distance(self, sums: [f64; 2], _norms: f64) -> f64 {
        sums[0]
    }
}

/// The cosine distance; of centred rows if `CENTRED`, which is the correlation distance.
///
/// Rows were scaled to length 1, but for rounding. Dividing by the root of the product of their squared lengths makes the
/// distance of equal rows exactly 0: that root is then the product itself.
#[derive(Debug, Clone, Copy)]
pub struct Cosine<const CENTRED: bool>;

impl<const CENTRED: bool> Terms for Cosine<CENTRED> {
    const PREPARED: Prepared = if CENTRED { Prepared::CentredUnit } else { Prepared::Unit };

    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, sums: [S::V; 2], x: S::V, y: S::V) -> [S::V; 2] {
        // SAFETY: the instruction set is the caller's.
        unsafe { [S::add(sums[0], S::mul(x, y)), sums[1]] }
    }

    #[inline(always)]
    fn distance(self, sums: [f64; 2], norms: f64) -> f64 {
        let length = if !CENTRED && norms == 0.0 { 1.0 } else { norms.sqrt() };
        (1.0 - sums[0] / length).clamp(0.0, 2.0)
    }
}

/// The fraction of features that differ.
#[derive(Debug, Clone, Copy)]
pub struct Hamming {
    /// Number of features.
    pub n_cols: f64,
}

impl Terms for Hamming {
    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, sums: [S::V; 2], x: S::V, y: S::V) -> [S::V; 2] {
        // SAFETY: the instruction set is the caller's.
        unsafe { [S::add(sums[0], S::select(S::eq(x, y), S::splat(0.0), S::splat(1.0))), sums[1]] }
    }

    #[inline(always)]
    fn distance(self, sums: [f64; 2], _norms: f64) -> f64 {
        sums[0] / self.n_cols
    }
}

/// `sum(|x - y| / (|x| + |y|))`.
#[derive(Debug, Clone, Copy)]
pub struct Canberra;

impl Terms for Canberra {
    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, sums: [S::V; 2], x: S::V, y: S::V) -> [S::V; 2] {
        // SAFETY: the instruction set is the caller's.
        unsafe {
            let total = S::add(S::abs(x), S::abs(y));
            let divisor = S::select(S::eq(total, S::splat(0.0)), S::splat(1.0), total);
            [S::add(sums[0], S::div(S::abs(S::sub(x, y)), divisor)), sums[1]]
        }
    }

    #[inline(always)]
    fn distance(self, sums: [f64; 2], _norms: f64) -> f64 {
        sums[0]
    }
}

/// `sum(|x - y|) / sum(|x| + |y|)`, or with `|x + y|` below.
#[derive(Debug, Clone, Copy)]
pub struct BrayCurtis<const OF_SUM: bool>;

impl<const OF_SUM: bool> Terms for BrayCurtis<OF_SUM> {
    const SUMS: usize = 2;

    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, sums: [S::V; 2], x: S::V, y: S::V) -> [S::V; 2] {
        // SAFETY: the instruction set is the caller's.
        unsafe {
            let total = if OF_SUM { S::abs(S::add(x, y)) } else { S::add(S::abs(x), S::abs(y)) };
            [S::add(sums[0], S::abs(S::sub(x, y))), S::add(sums[1], total)]
        }
    }

    #[inline(always)]
    fn distance(self, sums: [f64; 2], _norms: f64) -> f64 {
        if !OF_SUM && sums[1] == 0.0 { 0.0 } else { sums[0] / sums[1] }
    }
}

/// The squared distance by the features that are NaN in neither row, and how many those are.
#[derive(Debug, Clone, Copy)]
pub struct NanEuclidean {
    /// Number of features.
    pub n_cols: f64,
    /// Whether the root is taken.
    pub root: bool,
}

impl Terms for NanEuclidean {
    const SUMS: usize = 2;

    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, sums: [S::V; 2], x: S::V, y: S::V) -> [S::V; 2] {
        // SAFETY: the instruction set is the caller's.
        unsafe {
            let difference = S::sub(x, y);
            let present = S::eq(difference, difference);
            let square = S::select(present, S::mul(difference, difference), S::splat(0.0));
            [S::add(sums[0], square), S::add(sums[1], S::select(present, S::splat(1.0), S::splat(0.0)))]
        }
    }

    #[inline(always)]
    fn distance(self, sums: [f64; 2], _norms: f64) -> f64 {
        // 0 / 0 where no feature is there in both.
        let square = sums[0] / sums[1] * self.n_cols;
        if self.root { square.sqrt() } else { square }
    }
}
