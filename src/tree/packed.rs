//! A tree for many samples: 16 bytes a node, children side by side, several samples on the way at a time.
//!
//! A sample's way down is a chain of loads, each of which waits for the one before. The nodes are small so that more of
//! them stay near, and [`LANES`] samples go down together so that the processor has as many loads to wait for at once.
//! A step has no branch: its children stand side by side, and a leaf leads to itself.
//!
//! Samples are single precision and thresholds double. `x <= t` is `x <= r` where `r` is `t` rounded down to single
//! precision, so the decision is exact.

use super::check;
use super::nodes::Node;
use crate::common::{Error, Result, memory};

/// Samples that go down together.
pub const LANES: usize = 8;

/// In [`Step::feature`]: what is missing goes left.
const MISSING_LEFT: u32 = 1 << 31;

/// A node.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// The largest value that goes left.
    threshold: f32,
    /// The feature that decides, and [`MISSING_LEFT`].
    feature: u32,
    /// Where the left child stands; the right one is next to it. In a leaf, where the step itself stands.
    left: u32,
    /// Position in the tree.
    node: u32,
}

/// A tree, checked and packed.
#[derive(Debug)]
pub struct Packed {
    steps: Vec<Step>,
    n_features: usize,
    /// Whether any node sends left what is missing; without, a comparison with NaN, which is false, does what it should.
    has_missing: bool,
}

impl Packed {
    /// Whether positions and features fit the packed form.
    pub fn fits(nodes: &[Node], n_features: usize) -> bool {
        nodes.len() < MISSING_LEFT as usize && n_features < MISSING_LEFT as usize
    }

    /// Packs a tree over samples of `n_features` features. What is below a left child follows at once, so that the lower
    /// part of a way lies close together.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the nodes are no tree, or do not fit ([`Packed::fits`]); [`Error::OutOfMemory`].
    pub fn new(nodes: &[Node], n_features: usize) -> Result<Self> {
        if nodes.is_empty() || n_features == 0 || !Self::fits(nodes, n_features) {
            return Err(Error::Corrupt("a tree is empty or too large"));
        }
        let leaf = |node| Step { threshold: 0.0, feature: 0, left: 0, node };
        let mut steps: Vec<Step> = memory::try_with_capacity(nodes.len())?;
        steps.push(leaf(0));
        let mut pending = vec![0];
        while let Some(step) = pending.pop() {
            let at = steps[step].node as usize;
            let Some(children) = check::children(nodes, at)? else {
                steps[step].left = step as u32;
                continue;
            };
            // More steps than nodes: some node has two parents.
            if steps.len() + 2 > nodes.len() {
                return Err(Error::Corrupt("a node of a tree has two parents"));
            }
            let node = &nodes[at];
            let missing = if node.missing_go_to_left != 0 { MISSING_LEFT } else { 0 };
            steps[step].threshold = rounded_down(node.threshold);
            steps[step].feature = check::feature(node, n_features)? as u32 | missing;
            steps[step].left = steps.len() as u32;
            pending.extend([steps.len() + 1, steps.len()]);
            steps.extend(children.map(|child| leaf(child as u32)));
        }
        let has_missing = steps.iter().any(|step| step.feature & MISSING_LEFT != 0);
        Ok(Self { steps, n_features, has_missing })
    }

    /// The leaf of each sample. `rows` has shape (`leaves.len()`, features), in row order.
    pub fn leaves(&self, rows: &[f32], leaves: &mut [u32]) {
        if self.has_missing {
            self.descend::<true>(rows, leaves);
        } else {
            self.descend::<false>(rows, leaves);
        }
    }

    /// A lane whose sample is at its leaf takes the next sample at once, so that a short way does not wait for long ones.
    fn descend<const MISSING: bool>(&self, rows: &[f32], leaves: &mut [u32]) {
        let mut waiting = rows.chunks_exact(self.n_features).zip(leaves);
        let mut lanes: [_; LANES] = std::array::from_fn(|_| waiting.next().map(|sample| (0, sample)));
        // All lanes are full, or there is none left to fill them with.
        while let [Some(a), Some(b), Some(c), Some(d), Some(e), Some(f), Some(g), Some(h)] = &mut lanes {
            let mut empty = None;
            for (lane, (at, (row, leaf))) in [a, b, c, d, e, f, g, h].into_iter().enumerate() {
                match self.step::<MISSING>(*at, row) {
                    Ok(child) => *at = child,
                    Err(found) => {
                        **leaf = found;
                        let Some(next) = waiting.next() else {
                            empty = Some(lane);
                            break;
                        };
                        (*at, (*row, *leaf)) = (0, next);
                    }
                }
            }
            if let Some(lane) = empty {
                lanes[lane] = None;
            }
        }
        for (mut at, (row, leaf)) in lanes.into_iter().flatten() {
            *leaf = loop {
                match self.step::<MISSING>(at, row) {
                    Ok(child) => at = child,
                    Err(found) => break found,
                }
            };
        }
    }

    /// Where a sample goes from a step, or as an error the leaf that this step is.
    #[inline(always)]
    fn step<const MISSING: bool>(&self, at: u32, row: &[f32]) -> std::result::Result<u32, u32> {
        let step = self.steps[at as usize];
        if step.left == at {
            return Err(step.node);
        }
        let mut goes_left = row[(step.feature & !MISSING_LEFT) as usize] <= step.threshold;
        if MISSING {
            goes_left |= (step.feature & MISSING_LEFT != 0) & row[(step.feature & !MISSING_LEFT) as usize].is_nan();
        }
        Ok(step.left + u32::from(!goes_left))
    }
}

/// The largest single-precision number that is at most `threshold`, which is not NaN.
pub(super) fn rounded_down(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold { nearest.next_down() } else { nearest }
}

#[cfg(test)]
mod tests {
    use super::super::check::tests::{chain, leaf, split};
    use super::super::walk;
    use super::*;

    #[test]
    fn rounding_keeps_every_decision() {
        let step = f32::MIN_POSITIVE * f32::EPSILON; // the smallest number above zero
        let values = [0.0, -0.0, 1.0, 0.1, -0.1, step, -step, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY];
        let between = values.iter().flat_map(|&x| {
            let x = f64::from(x);
            [x, x * (1.0 + 1e-12), x * (1.0 - 1e-12), x + 1e-300, x - 1e-300, x * 1e10]
        });
        for threshold in between.chain([1e300, -1e300]).filter(|t| !t.is_nan()) {
            for &x in &values {
                assert_eq!(x <= rounded_down(threshold), f64::from(x) <= threshold, "{x} {threshold}");
            }
        }
    }

    #[test]
    fn samples_find_their_leaf_in_groups_and_alone() -> Result<()> {
        let mut nodes = vec![split(1, 0.5, 1, 4), split(0, -1.0, 2, 3), leaf(), leaf(), split(1, f64::INFINITY, 5, 6)];
        nodes.extend([leaf(), leaf()]);
        nodes[0].missing_go_to_left = 1;
        let packed = Packed::new(&nodes, 2)?;
        let cells = [-1.0, 0.5, -2.0, 7.0, f32::NAN];
        let rows: Vec<f32> = (0..60).map(|i| cells[(i * 7 + i / 5) % 5]).collect();
        for count in 0..30 {
            let mut leaves = vec![u32::MAX; count];
            packed.leaves(&rows[..2 * count], &mut leaves);
            for (row, &found) in rows.chunks(2).zip(&leaves) {
                assert_eq!(walk::leaf(&nodes, row)?, found as usize, "{row:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_deep_chain_is_walked_to_its_end() -> Result<()> {
        let packed = Packed::new(&chain(100_000), 1)?;
        let mut leaves = [0; 2];
        packed.leaves(&[1e6, 3.0], &mut leaves);
        assert_eq!(leaves, [200_000, 7]);
        Ok(())
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        assert!(Packed::new(&[], 1).is_err());
        assert!(Packed::new(&[split(0, 0.0, 1, 2), leaf()], 1).is_err());
        assert!(Packed::new(&[split(1, 0.0, 1, 2), leaf(), leaf()], 1).is_err());
        // Two parents: walking it would be safe, packing it would take 2^depth steps.
        assert!(Packed::new(&[split(0, 0.0, 1, 2), split(0, 0.0, 2, 3), leaf(), leaf()], 1).is_err());
    }
}
