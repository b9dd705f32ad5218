//! Distance bounds that prove, without a distance, that a row keeps its centre (Hamerly's test).
//!
//! Each row has an upper bound on the distance to its centre and a lower bound on the distance to any other. When the
//! centres move, the bounds move with them. While the gap between the bounds exceeds every rounding error, the row
//! cannot change its centre, not even by a tie: skipping it leaves labels and centres as they are, to the bit. Rows
//! that fail the test are gathered into full tiles and compared with all centres again.
//!
//! Bounds cost a little, so a pass uses them only while they are likely to pay ([`Plan`]).
//!
//! Reference: G. Hamerly, "Making k-means even faster", SDM 2010.

use crate::common::Float;

/// Fraction of rows that change their cluster below which bounds are set up.
const CALM: f64 = 0.25;
/// Most rows that may fail the test, as a share, before comparing all is cheaper: less the less work a row is. Testing
/// a row costs about as much as this many multiply-adds of the comparison.
const TESTING: f64 = 500.0;
/// The share for rows of endless work.
const MAX_FAIL: f64 = 0.6;

/// What a pass over the rows does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Compares every row with every centre.
    Plain,
    /// As plain, and sets the bounds.
    Seed,
    /// Compares only rows that fail the test.
    Bounded,
}

/// Decides from counts alone (so: the same for any number of threads) what the next pass does.
#[derive(Debug)]
pub struct Plan {
    next: Pass,
    allowed: bool,
    tolerated: f64,
    plain_passes_due: usize,
    patience: usize,
}

impl Plan {
    /// For `stored` values in all rows together: what a pass multiplies by the number of clusters.
    pub fn new(n_rows: usize, n_clusters: usize, stored: usize) -> Self {
        let work = stored as f64 * n_clusters as f64;
        let per_row = work / n_rows.max(1) as f64;
        Self {
            next: Pass::Plain,
            allowed: n_clusters >= 4 && work > 100_000.0,
            tolerated: MAX_FAIL * per_row / (per_row + TESTING),
            plain_passes_due: 0,
            patience: 2,
        }
    }

    /// Fraction of rows that may fail the test.
    pub fn tolerated(&self) -> f64 {
        self.tolerated
    }

    /// The pass to make now.
    pub fn pass(&self) -> Pass {
        self.next
    }

    /// Takes in how many rows changed their cluster and how many failed the test in the pass just made.
    pub fn learn(&mut self, n_rows: usize, changed: usize, failed: usize) {
        if !self.allowed {
            return;
        }
        self.next = match self.next {
            Pass::Plain if self.plain_passes_due > 0 => {
                self.plain_passes_due -= 1;
                Pass::Plain
            }
            Pass::Plain if (changed as f64) < CALM * n_rows as f64 => Pass::Seed,
            Pass::Plain => Pass::Plain,
            Pass::Seed => Pass::Bounded,
            Pass::Bounded if failed as f64 > self.tolerated * n_rows as f64 => {
                self.plain_passes_due = self.patience;
                self.patience *= 4;
                Pass::Plain
            }
            Pass::Bounded => Pass::Bounded,
        };
    }
}

/// How the centres moved since the bounds were last right, and how exact distances are.
#[derive(Debug)]
pub struct Drift<F> {
    /// At least the movement of each centre.
    moved: Vec<F>,
    /// The largest of `moved`, whose it is, and the largest of the others.
    most: (F, usize, F),
    /// Twice the norm of the longest centre.
    reach: F,
    /// Times a squared length: more than the rounding error of a squared distance of that length.
    rounding: F,
    slack: F,
    /// Fraction of rows that may fail the test.
    tolerated: f64,
}

impl<F: Float> Drift<F> {
    /// From the computed movement of each centre and the largest squared norm of the centres as they are now.
    pub fn new(movement: &[F], largest_norm: F, n_cols: usize, tolerated: f64) -> Self {
        let epsilon = F::EPSILON.to_f64();
        let terms = n_cols as f64 + 8.0;
        let slack = F::from_f64(4.0 * epsilon);
        let moved: Vec<F> = movement.iter().map(|&moved| moved * F::from_f64(1.0 + 4.0 * terms * epsilon)).collect();
        let mut most = (F::ZERO, 0, F::ZERO);
        for (center, &moved) in moved.iter().enumerate() {
            if moved > most.0 {
                most = (moved, center, most.0);
            } else if moved > most.2 {
                most.2 = moved;
            }
        }
        let reach = F::from_f64(2.0 * largest_norm.to_f64().sqrt());
        Self { moved, most, reach, rounding: F::from_f64(4.0 * terms * epsilon), slack, tolerated }
    }

    /// Bounds from squared distances as [`crate::linalg::Rows::nearest`] gives them.
    #[inline(always)]
    pub fn seed(&self, best: F, second: F) -> (F, F) {
        let at_least_zero = |value: F| if value > F::ZERO { value } else { F::ZERO };
        let distance = at_least_zero(second).sqrt() + self.reach;
        let error = self.rounding * distance * distance;
        (at_least_zero(best + error).sqrt(), at_least_zero(second - error).sqrt())
    }

    /// Whether two squared distances may be in either order, for all that their rounding errors allow.
    #[inline(always)]
    pub fn is_close(&self, best: F, second: F) -> bool {
        let distance = if second > F::ZERO { second.sqrt() + self.reach } else { self.reach };
        let rounding = (F::ONE + F::ONE) * self.rounding * distance * distance;
        let is_apart = second - best > rounding; // false for NaN, which is close to anything
        second < F::INFINITY && !is_apart
    }

    /// The upper bound from the squared distance to the own centre.
    #[inline(always)]
    pub fn tight(&self, square: F) -> F {
        let distance = square.sqrt() + self.reach;
        (square + self.rounding * distance * distance).sqrt()
    }

    /// Moves the bounds of a row of cluster `label`.
    #[inline(always)]
    pub fn follow(&self, label: usize, upper: F, lower: F) -> (F, F) {
        let others = if label == self.most.1 { self.most.2 } else { self.most.0 };
        let upper = (upper + self.moved[label]) * (F::ONE + self.slack);
        let lower = (lower - others) * (F::ONE - self.slack);
        (upper, lower)
    }

    /// Whether so many of the rows fail the test that it is cheaper to compare them all.
    pub fn too_many_fail(&self, failed: usize, n_rows: usize) -> bool {
        failed as f64 > self.tolerated * n_rows as f64
    }

    /// Whether the bounds prove that the row keeps its centre. False when either is NaN.
    #[inline(always)]
    pub fn keeps(&self, upper: F, lower: F) -> bool {
        let distance = upper + self.reach;
        lower > upper && (lower - upper) * (lower + upper) > (F::ONE + F::ONE) * self.rounding * distance * distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_within_rounding_proves_nothing() {
        let drift = Drift::<f64>::new(&[0.0, 0.0], 1.0, 8, 0.5);
        assert!(drift.keeps(1.0, 1.1));
        assert!(!drift.keeps(1.0, 1.0));
        assert!(!drift.keeps(1.0, 1.0 + 1e-15));
        assert!(!drift.keeps(f64::NAN, 1.0) && !drift.keeps(1.0, f64::NAN) && !drift.keeps(f64::INFINITY, 1.0));
        assert_eq!(drift.seed(1.0, f64::INFINITY).1, 0.0); // an overflow bounds nothing
    }

    #[test]
    fn bounds_enclose_the_distances_while_centres_move() {
        let drift = Drift::<f64>::new(&[0.5, 0.25, 0.75], 4.0, 3, 0.5);
        let (upper, lower) = drift.seed(1.0, 9.0);
        assert!(upper >= 1.0 && lower <= 3.0 && upper < 1.001 && lower > 2.999);
        let (upper, lower) = drift.follow(2, upper, lower);
        assert!(upper >= 1.75 && lower <= 2.5 && lower > 2.49); // the others moved by at most 0.5
    }

    #[test]
    fn the_plan_gives_up_on_bounds_that_fail() {
        let mut plan = Plan::new(1000, 64, 32_000);
        plan.learn(1000, 900, 0);
        assert_eq!(plan.pass(), Pass::Plain);
        plan.learn(1000, 100, 0);
        assert_eq!(plan.pass(), Pass::Seed);
        plan.learn(1000, 100, 0);
        assert_eq!(plan.pass(), Pass::Bounded);
        plan.learn(1000, 50, 900);
        assert_eq!(plan.pass(), Pass::Plain);
    }
}
