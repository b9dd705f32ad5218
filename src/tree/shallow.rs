//! A tree of few levels for many samples: every way down has the same length.
//!
//! What a shallow tree costs is less the waiting for its nodes, which are all near, than not knowing when a way ends. So
//! the tree is filled up to a full one, in which the children of place i are at 2i and 2i + 1: a way down has as many
//! steps as there are levels, none of them has a branch, and the processor looks at several samples at a time by itself.
//!
//! Nothing may be missing from the samples. The decision is that of [`super::packed`].

use super::check;
use super::nodes::Node;
use super::packed::rounded_down;
use crate::common::{Error, Result};

/// Most levels of splits.
const MAX_LEVELS: usize = 6;
/// Places of the splits of a full tree, the first of which is not used, and of its leaves.
const PLACES: usize = 1 << MAX_LEVELS;

/// A split: what is at most the threshold goes left.
#[derive(Debug, Clone, Copy)]
struct Split {
    threshold: f32,
    feature: u32,
}

/// A tree, checked and filled up, with a number for each leaf.
#[derive(Debug)]
pub struct Shallow {
    levels: usize,
    splits: [Split; PLACES],
    outputs: [f64; PLACES],
}

impl Shallow {
    /// Fills a tree over samples of `n_features` features up; None if it has too many levels. `said` is the number of a
    /// leaf, by its position.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the nodes are no tree, or what `said` fails with.
    pub fn new(nodes: &[Node], n_features: usize, outputs: impl Fn(usize) -> Result<f64>) -> Result<Option<Self>> {
        if nodes.is_empty() || n_features == 0 {
            return Err(Error::Corrupt("a tree is empty"));
        }
        let Some(levels) = levels(nodes)? else { return Ok(None) };
        // What stands below a leaf says what the leaf says, whatever it asks for.
        let mut shallow =
            Self { levels, splits: [Split { threshold: 0.0, feature: 0 }; PLACES], outputs: [0.0; PLACES] };
        let mut pending = [(0, 0, 0); MAX_LEVELS + 1];
        pending[0] = (0, 1, levels);
        let mut n_pending = 1;
        while n_pending > 0 {
            n_pending -= 1;
            let (at, place, below) = pending[n_pending];
            match check::children(nodes, at)? {
                Some([left, right]) => {
                    let below = below.checked_sub(1).ok_or(Error::Corrupt("a tree changed while it was read"))?;
                    let feature = check::feature(&nodes[at], n_features)? as u32;
                    shallow.splits[place] = Split { threshold: rounded_down(nodes[at].threshold), feature };
                    pending[n_pending] = (right, 2 * place + 1, below);
                    pending[n_pending + 1] = (left, 2 * place, below);
                    n_pending += 2;
                }
                None => {
                    let first = (place << below) - (1 << levels);
                    shallow.outputs[first..first + (1 << below)].fill(outputs(at)?);
                }
            }
        }
        Ok(Some(shallow))
    }

    /// Tells `add` what the leaf of each sample says. `rows` has shape (samples, `n_features`).
    pub fn predict(&self, rows: &[f32], n_features: usize, add: impl FnMut(f64)) {
        match self.levels {
            0 => self.predict_levels::<0>(rows, n_features, add),
            1 => self.predict_levels::<1>(rows, n_features, add),
            2 => self.predict_levels::<2>(rows, n_features, add),
            3 => self.predict_levels::<3>(rows, n_features, add),
            4 => self.predict_levels::<4>(rows, n_features, add),
            5 => self.predict_levels::<5>(rows, n_features, add),
            _ => self.predict_levels::<MAX_LEVELS>(rows, n_features, add),
        }
    }

    fn predict_levels<const LEVELS: usize>(&self, rows: &[f32], n_features: usize, mut add: impl FnMut(f64)) {
        for row in rows.chunks_exact(n_features) {
            let mut place = 1;
            for _ in 0..LEVELS {
                // The masks change nothing: they tell the compiler that the place is there.
                let split = self.splits[place & (PLACES - 1)];
                let goes_left = row[split.feature as usize] <= split.threshold;
                place = 2 * place + usize::from(!goes_left);
            }
            add(self.outputs[(place - (1 << LEVELS)) & (PLACES - 1)]);
        }
    }
}

/// Levels of splits; None if they are too many.
fn levels(nodes: &[Node]) -> Result<Option<usize>> {
    let mut deepest = 0;
    let mut pending = [(0, 0); MAX_LEVELS + 1];
    let mut n_pending = 1;
    while n_pending > 0 {
        n_pending -= 1;
        let (at, level) = pending[n_pending];
        let Some([left, right]) = check::children(nodes, at)? else { continue };
        if level == MAX_LEVELS {
            return Ok(None);
        }
        deepest = deepest.max(level + 1);
        pending[n_pending] = (right, level + 1);
        pending[n_pending + 1] = (left, level + 1);
        n_pending += 2;
    }
    Ok(Some(deepest))
}

#[cfg(test)]
mod tests {
    use super::super::check::tests::{chain, leaf, split};
    use super::super::walk;
    use super::*;

    fn predictions(nodes: &[Node], rows: &[f32], n_features: usize) -> Result<Option<Vec<f64>>> {
        let Some(shallow) = Shallow::new(nodes, n_features, |at| Ok(at as f64))? else { return Ok(None) };
        let mut found = Vec::new();
        shallow.predict(rows, n_features, |outputs| found.push(outputs));
        Ok(Some(found))
    }

    #[test]
    fn all_leaves_of_uneven_trees_are_found() -> Result<()> {
        let mut uneven = vec![split(1, 0.5, 1, 4), split(0, -1.0, 2, 3), leaf(), leaf(), split(1, f64::INFINITY, 5, 6)];
        uneven.extend([leaf(), split(0, 0.0, 7, 8), leaf(), leaf()]);
        let cells = [-1.0, 0.5, -2.0, 7.0, 0.0];
        let rows: Vec<f32> = (0..60).map(|i| cells[(i * 7 + i / 5) % 5]).collect();
        let expected: Vec<f64> =
            rows.chunks(2).map(|row| walk::leaf(&uneven, row).map(|at| at as f64)).collect::<Result<_>>()?;
        assert_eq!(predictions(&uneven, &rows, 2)?, Some(expected));
        for depth in 0..=MAX_LEVELS {
            let nodes = chain(depth);
            let rows: Vec<f32> = (0..20).map(|i| i as f32 / 2.0 - 1.0).collect();
            let expected: Vec<f64> =
                rows.iter().map(|x| walk::leaf(&nodes, &[*x]).map(|at| at as f64)).collect::<Result<_>>()?;
            assert_eq!(predictions(&nodes, &rows, 1)?, Some(expected), "{depth}");
        }
        Ok(())
    }

    #[test]
    fn deep_trees_are_left_to_others_and_broken_ones_refused() -> Result<()> {
        assert_eq!(predictions(&chain(MAX_LEVELS + 1), &[0.0], 1)?, None);
        // A way down that leads back up has no end.
        assert_eq!(predictions(&chain(100_000), &[0.0], 1)?, None);
        assert!(predictions(&[], &[0.0], 1).is_err());
        assert!(predictions(&[split(0, 0.0, 1, 2), leaf()], &[0.0], 1).is_err());
        assert!(predictions(&[split(1, 0.0, 1, 2), leaf(), leaf()], &[0.0], 1).is_err());
        assert!(Shallow::new(&[leaf()], 1, |_| Err(Error::Corrupt("no value"))).is_err());
        Ok(())
    }
}
