//! Distances that are taken feature by feature: a sum, or a maximum, of what each pair of coordinates adds.
//!
//! While rows are compared only the *rank* of a pair is kept, which grows with the distance and is cheaper: the squared
//! distance for the Euclidean one. Every rank is one chain over the features in order, the product rounded before it is
//! added, whatever the instruction set and however pairs are laid out in lanes: so a pair has one distance, to the bit,
//! and it is the one that scikit-learn's trees compute.

use crate::common::simd::Simd;

/// A distance by features.
pub trait Additive: Copy + Send + Sync {
    /// Whether a step, as computed, never falls when the difference of the coordinates or the rank grows.
    const IN_ORDER: bool = true;

    /// The rank of `lanes` pairs with one more feature: coordinates `x` and `y`.
    ///
    /// # Safety
    /// The instruction set of `S`.
    unsafe fn step<S: Simd<F = f64>>(self, rank: S::V, x: S::V, y: S::V) -> S::V;

    /// [`Additive::step`] of a single pair: the same bits.
    fn step_one(self, rank: f64, x: f64, y: f64) -> f64;

    /// The distance of a rank.
    fn distance(self, rank: f64) -> f64;

    /// The rank of a distance.
    fn rank(self, distance: f64) -> f64;

    /// The rank of a pair of rows of equal length.
    #[inline(always)]
    fn rank_of(self, x: &[f64], y: &[f64]) -> f64 {
        x.iter().zip(y).fold(0.0, |rank, (&x, &y)| self.step_one(rank, x, y))
    }
}

/// `sqrt(sum((x - y)²))`; the rank is the squared distance.
#[derive(Debug, Clone, Copy)]
pub struct Euclidean;

impl Additive for Euclidean {
    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, rank: S::V, x: S::V, y: S::V) -> S::V {
        // SAFETY: the instruction set is the caller's.
        unsafe {
            let difference = S::sub(x, y);
            S::add(rank, S::mul(difference, difference))
        }
    }

    #[inline(always)]
    fn step_one(self, rank: f64, x: f64, y: f64) -> f64 {
        rank + (x - y) * (x - y)
    }

    #[inline(always)]
    fn distance(self, rank: f64) -> f64 {
        rank.sqrt()
    }

    #[inline(always)]
    fn rank(self, distance: f64) -> f64 {
        distance * distance
    }
}

/// `sum(|x - y|)`.
#[derive(Debug, Clone, Copy)]
pub struct Manhattan;

impl Additive for Manhattan {
    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, rank: S::V, x: S::V, y: S::V) -> S::V {
        // SAFETY: the instruction set is the caller's.
        unsafe { S::add(rank, S::abs(S::sub(x, y))) }
    }

    #[inline(always)]
    fn step_one(self, rank: f64, x: f64, y: f64) -> f64 {
        rank + (x - y).abs()
    }

    #[inline(always)]
    fn distance(self, rank: f64) -> f64 {
        rank
    }

    #[inline(always)]
    fn rank(self, distance: f64) -> f64 {
        distance
    }
}

/// `max(|x - y|)`.
#[derive(Debug, Clone, Copy)]
pub struct Chebyshev;

impl Additive for Chebyshev {
    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, rank: S::V, x: S::V, y: S::V) -> S::V {
        // SAFETY: the instruction set is the caller's.
        unsafe { S::max(rank, S::abs(S::sub(x, y))) }
    }

    #[inline(always)]
    fn step_one(self, rank: f64, x: f64, y: f64) -> f64 {
        rank.max((x - y).abs())
    }

    #[inline(always)]
    fn distance(self, rank: f64) -> f64 {
        rank
    }

    #[inline(always)]
    fn rank(self, distance: f64) -> f64 {
        distance
    }
}

/// `sum(|x - y|^p)^(1/p)` for `p > 0`; the rank is the sum.
#[derive(Debug, Clone, Copy)]
pub struct Minkowski {
    /// The exponent.
    pub p: f64,
}

impl Additive for Minkowski {
    // Nobody promises that for a computed power.
    const IN_ORDER: bool = false;

    #[inline(always)]
    unsafe fn step<S: Simd<F = f64>>(self, rank: S::V, x: S::V, y: S::V) -> S::V {
        let (mut ranks, mut xs, mut ys) = ([0.0; 16], [0.0; 16], [0.0; 16]);
        // SAFETY: the instruction set is the caller's; the arrays hold the widest vectors.
        unsafe {
            S::store(ranks.as_mut_ptr(), rank);
            S::store(xs.as_mut_ptr(), x);
            S::store(ys.as_mut_ptr(), y);
            for lane in 0..S::WIDTH {
                ranks[lane] = self.step_one(ranks[lane], xs[lane], ys[lane]);
            }
            S::load(ranks.as_ptr())
        }
    }

    #[inline(always)]
    fn step_one(self, rank: f64, x: f64, y: f64) -> f64 {
        rank + (x - y).abs().powf(self.p)
    }

    #[inline(always)]
    fn distance(self, rank: f64) -> f64 {
        rank.powf(1.0 / self.p)
    }

    #[inline(always)]
    fn rank(self, distance: f64) -> f64 {
        distance.powf(self.p)
    }
}
