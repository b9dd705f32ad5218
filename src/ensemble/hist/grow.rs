//! One tree, grown where the loss falls most.
//!
//! The node whose best split gains most is split first. Its rows are parted in place, in order; the histogram of the
//! smaller child is summed from its rows, that of the larger is what is left of its parent's.

use super::bins::{Bins, WORD};
use super::histogram::{self, BinSet, Cell, FeatureCells, Gradients, Histogram};
use super::split::{self, Node as Known, Rules, Scratch, Split};
use crate::common::simd::{Loops, compiled};
use crate::common::{Context, Result, memory, parallel};

/// Cells below which one thread finds a split faster.
const MIN_CELLS: usize = 4_000;
/// Rows below which one thread parts them faster.
const MIN_ROWS: usize = 40_000;

/// Parameters of a tree.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    /// What splits must obey.
    pub rules: Rules<'a>,
    /// Leaves at most.
    pub max_leaf_nodes: Option<usize>,
    /// Edges from the root to a leaf at most.
    pub max_depth: Option<usize>,
    /// What the values of leaves are multiplied by.
    pub learning_rate: f64,
    /// Which features may stand together on a path.
    pub interactions: Option<&'a [Interactions]>,
}

/// What the features on a path so far allow below it. The first of a list is the root's.
#[derive(Debug, Clone)]
pub struct Interactions {
    /// Features that a split may be on, in the order in which they are tried.
    pub features: Vec<u32>,
    /// For each of them, what is allowed below: a place in the list.
    pub next: Vec<u32>,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Edges from the root.
    pub depth: usize,
    /// Its rows: a part of [`Tree::rows`].
    pub rows: std::ops::Range<usize>,
    /// What it predicts; of a leaf, times the learning rate.
    pub value: f64,
    /// How it was split, or would have been.
    pub split: Option<Split>,
    /// Left and right child; None for a leaf.
    pub children: Option<(usize, usize)>,
    total: Cell,
    bounds: (f64, f64),
    interactions: usize,
    /// Until it is split or a leaf.
    histogram: Option<Histogram>,
}

/// A tree and where its rows went.
#[derive(Debug)]
pub struct Tree {
    /// The nodes; the root is the first.
    pub nodes: Vec<Node>,
    /// The rows, leaf by leaf.
    pub rows: Vec<u32>,
}

/// Memory that trees use one after the other.
#[derive(Debug, Default)]
pub struct Workspace {
    histograms: Vec<Histogram>,
    others: Vec<u32>,
    parted: Vec<u32>,
    scratch: Scratch,
}

/// Draws which features a split may be on: a mask over so many features, true where it may.
pub type DrawFeatures<'a> = dyn FnMut(usize) -> Vec<bool> + 'a;

/// Grows a tree on the gradients. `rows` is 0, 1, ...; `draw` is None if each split may be on each feature.
///
/// # Errors
/// Memory refused, or an interruption.
pub fn grow(
    ctx: &Context,
    bins: &Bins,
    gradients: &Gradients,
    params: &Params,
    draw: Option<&mut DrawFeatures>,
    workspace: &mut Workspace,
) -> Result<Tree> {
    let mut rows = memory::try_with_capacity(bins.n_rows())?;
    rows.extend(0..bins.n_rows() as u32);
    let mut grower =
        Grower { ctx, bins, gradients, params, draw, workspace, nodes: Vec::new(), rows, heap: Vec::new() };
    grower.grow()?;
    let Grower { nodes, rows, .. } = grower;
    Ok(Tree { nodes, rows })
}

struct Grower<'a, 'b> {
    ctx: &'a Context<'a>,
    bins: &'a Bins,
    gradients: &'a Gradients,
    params: &'a Params<'a>,
    draw: Option<&'a mut DrawFeatures<'b>>,
    workspace: &'a mut Workspace,
    nodes: Vec<Node>,
    rows: Vec<u32>,
    /// Nodes to split, as Python's `heapq` keeps them: nodes of equal gain are split in the same order. Where the order
    /// changes nothing, the last one is split first, and few histograms are held at a time.
    heap: Vec<usize>,
}

/// Where in a node's list of features each of them stands, if it may be split on.
type Ranks = Vec<Option<u32>>;

impl Grower<'_, '_> {
    fn grow(&mut self) -> Result<()> {
        let rules = &self.params.rules;
        let mut histogram = self.cleared()?;
        histogram::add(self.ctx, self.bins, self.gradients, None, &mut histogram.cells)?;
        let candidates: Vec<_> = rules
            .n_bins
            .iter()
            .zip(rules.has_missing)
            .map(|(&n_bins, &has_missing)| {
                let mut bins = BinSet::below(n_bins);
                if has_missing {
                    bins.insert(rules.missing);
                }
                bins
            })
            .collect();
        histogram.find_used(&candidates);
        let total = self.gradients.total(None);
        let (bounds, rows) = ((f64::NEG_INFINITY, f64::INFINITY), 0..self.rows.len());
        self.nodes.push(Node {
            depth: 0,
            rows,
            value: 0.0,
            split: None,
            children: None,
            total,
            bounds,
            interactions: 0,
            histogram: None,
        });
        let sums = self.gradients.sums(total);
        if sums.count < 2 * rules.min_samples_leaf || sums.hessian < rules.min_hessian {
            self.workspace.histograms.push(histogram);
            self.shrink();
            return Ok(());
        }
        let ranks = [Some(self.ranks(0)), None];
        let (best, _) = self.find([Some(0), None], ranks, &mut histogram, None)?;
        self.keep(0, best, histogram);
        while let Some(node) = self.pop() {
            self.split(node)?;
        }
        self.shrink();
        Ok(())
    }

    /// Multiplies what leaves predict by the learning rate.
    fn shrink(&mut self) {
        let leaves = self.nodes.iter_mut().filter(|node| node.children.is_none());
        leaves.for_each(|leaf| leaf.value *= self.params.learning_rate);
    }

    /// A histogram of nothing.
    fn cleared(&mut self) -> Result<Histogram> {
        let Some(mut histogram) = self.workspace.histograms.pop() else {
            return Histogram::new(self.bins.n_features());
        };
        histogram.clear();
        Ok(histogram)
    }

    /// Puts a node among those to split, or makes it a leaf.
    fn keep(&mut self, node: usize, best: Option<Split>, histogram: Histogram) {
        self.nodes[node].split = best;
        if best.is_some() {
            self.nodes[node].histogram = Some(histogram);
            self.push(node);
        } else {
            self.workspace.histograms.push(histogram);
        }
    }

    fn split(&mut self, parent: usize) -> Result<()> {
        let (Some(mut found), Some(histogram)) = (self.nodes[parent].split, self.nodes[parent].histogram.take()) else {
            return Ok(());
        };
        let params = self.params;
        let Node { depth, rows, bounds, total, interactions, .. } = &self.nodes[parent];
        let (depth, rows, bounds, total, interactions) = (depth + 1, rows.clone(), *bounds, *total, *interactions);
        let middle = rows.start + self.part(&found, rows.clone())?;
        let (n_left, n_right) = (middle - rows.start, rows.end - middle);
        if !params.rules.has_missing[found.feature] {
            // Values missing later go where most rows went.
            found.missing_left = n_left > n_right;
            self.nodes[parent].split = Some(found);
        }
        let next = self.below(interactions, found.feature);
        let (left_bounds, right_bounds) = bounds_below(bounds, params.rules.monotonic[found.feature], found.values);
        let child = |rows, total, value, bounds| Node {
            depth,
            rows,
            value,
            split: None,
            children: None,
            total,
            bounds,
            interactions: next,
            histogram: None,
        };
        let left = self.nodes.len();
        let right = left + 1;
        let rest = [total[0] - found.left[0], total[1] - found.left[1]];
        self.nodes.push(child(rows.start..middle, found.left, found.values.0, left_bounds));
        self.nodes.push(child(middle..rows.end, rest, found.values.1, right_bounds));
        self.nodes[parent].children = Some((left, right));

        let n_leaves = self.nodes.len().div_ceil(2);
        if params.max_leaf_nodes == Some(n_leaves) {
            self.workspace.histograms.push(histogram);
            for node in std::mem::take(&mut self.heap) {
                self.workspace.histograms.extend(self.nodes[node].histogram.take());
            }
            return Ok(());
        }
        let enough = |n: usize| n >= 2 * params.rules.min_samples_leaf;
        let grows = params.max_depth != Some(depth);
        let goes_on = [grows && enough(n_left), grows && enough(n_right)];
        if goes_on == [false; 2] {
            self.workspace.histograms.push(histogram);
            return Ok(());
        }
        let (smaller, larger) = if n_left < n_right { (left, right) } else { (right, left) };
        let (mut of_larger, mut of_smaller) = (histogram, self.cleared()?);
        let own = &self.rows[self.nodes[smaller].rows.clone()];
        histogram::add(self.ctx, self.bins, self.gradients, Some(own), &mut of_smaller.cells)?;
        of_smaller.find_used(&of_larger.used);
        let goes_on = |node: usize| goes_on[node - left];
        // Features are drawn for the left child first.
        let left_ranks = goes_on(left).then(|| self.ranks(next));
        let right_ranks = goes_on(right).then(|| self.ranks(next));
        let ranks = if smaller == left { [right_ranks, left_ranks] } else { [left_ranks, right_ranks] };
        let asked = [goes_on(larger).then_some(larger), goes_on(smaller).then_some(smaller)];
        let (best, best_of_smaller) = self.find(asked, ranks, &mut of_larger, Some(&of_smaller))?;
        let mut found = [(larger, best, of_larger), (smaller, best_of_smaller, of_smaller)];
        if smaller == left {
            found.reverse();
        }
        for (node, best, histogram) in found {
            self.keep(node, best, histogram);
        }
        Ok(())
    }

    /// What is allowed below a split on a feature.
    fn below(&self, interactions: usize, feature: usize) -> usize {
        let Some(list) = self.params.interactions else { return 0 };
        let own = &list[interactions];
        let place = own.features.iter().position(|&f| f as usize == feature);
        place.map_or(interactions, |place| own.next[place] as usize)
    }

    /// The features that a node may be split on.
    fn ranks(&mut self, interactions: usize) -> Ranks {
        let n_features = self.bins.n_features();
        let order = self.params.interactions.map(|list| &list[interactions].features);
        let mask = self.draw.as_mut().map(|draw| draw(order.map_or(n_features, Vec::len)));
        let is_drawn = |place: usize| mask.as_ref().is_none_or(|mask| mask[place]);
        match order {
            None => (0..n_features).map(|f| is_drawn(f).then_some(f as u32)).collect(),
            Some(order) => {
                let mut ranks = vec![None; n_features];
                for (place, &feature) in order.iter().enumerate().filter(|&(place, _)| is_drawn(place)) {
                    ranks[feature as usize] = Some(place as u32);
                }
                ranks
            }
        }
    }

    /// The best splits of two nodes: of the one that `histogram` is of, less `others` if these are given, and of the one
    /// that `others` are of. Nodes that are not to be split are None.
    fn find(
        &mut self,
        nodes: [Option<usize>; 2],
        ranks: [Option<Ranks>; 2],
        histogram: &mut Histogram,
        others: Option<&Histogram>,
    ) -> Result<(Option<Split>, Option<Split>)> {
        let known = nodes.map(|node| node.map(|node| self.known(node)));
        let (rules, gradients, ranks) = (&self.params.rules, self.gradients, &ranks);
        let n_cells: usize = rules.n_bins.iter().sum();
        let best = if self.ctx.threads() == 1 || n_cells < MIN_CELLS {
            let (cells, used, scratch) = (&mut *histogram.cells, &mut *histogram.used, &mut self.workspace.scratch);
            compiled(Search { rules, gradients, known, ranks, first: 0, cells, used, others, scratch })
        } else {
            let part = self.bins.n_features().div_ceil(2 * self.ctx.threads()).max(WORD / 2);
            let chunks = histogram.cells.chunks_mut(part).zip(histogram.used.chunks_mut(part));
            let jobs = (0..).step_by(part).zip(chunks).collect();
            let scratch = || Ok(Scratch::default());
            let parts = parallel::map_with(self.ctx, jobs, scratch, |scratch, (first, (cells, used))| {
                Ok(compiled(Search { rules, gradients, known, ranks, first, cells, used, others, scratch }))
            })?;
            parts.into_iter().fold([None, None], |a, b| [better(a[0], b[0]), better(a[1], b[1])])
        };
        Ok((best[0].map(|(split, _)| split), best[1].map(|(split, _)| split)))
    }

    fn known(&self, node: usize) -> Known {
        let Node { total, value, bounds, .. } = self.nodes[node];
        Known { total, value, bounds }
    }

    /// Puts the rows that go left before the others, both in order. Returns how many go left.
    fn part(&mut self, split: &Split, range: std::ops::Range<usize>) -> Result<usize> {
        let goes_left: [bool; 256] = std::array::from_fn(|bin| split.goes_left(bin as u8, self.params.rules.missing));
        let column = self.bins.column(split.feature);
        let rows = &mut self.rows[range];
        let others = &mut self.workspace.others;
        others.resize(rows.len().max(others.len()), 0);
        if self.ctx.threads() == 1 || rows.len() < MIN_ROWS {
            self.ctx.check()?;
            let n_left = part(rows, others, column, &goes_left);
            let n_right = rows.len() - n_left;
            rows[n_left..].copy_from_slice(&others[..n_right]);
            return Ok(n_left);
        }
        let len = rows.len().div_ceil(self.ctx.threads());
        let jobs = rows.chunks_mut(len).zip(others.chunks_mut(len)).collect();
        let counts = parallel::map(self.ctx, jobs, |(rows, others)| Ok(part(rows, others, column, &goes_left)))?;
        let parted = &mut self.workspace.parted;
        parted.clear();
        parted.reserve(rows.len());
        for (rows, &n_left) in rows.chunks(len).zip(&counts) {
            parted.extend_from_slice(&rows[..n_left]);
        }
        for ((rows, others), &n_left) in rows.chunks(len).zip(others.chunks(len)).zip(&counts) {
            parted.extend_from_slice(&others[..rows.len() - n_left]);
        }
        rows.copy_from_slice(parted);
        Ok(counts.iter().sum())
    }

    fn gain(&self, node: usize) -> f64 {
        self.nodes[node].split.map_or(0.0, |split| split.gain)
    }

    fn is_ordered(&self) -> bool {
        self.params.max_leaf_nodes.is_some() || self.draw.is_some()
    }

    fn push(&mut self, node: usize) {
        self.heap.push(node);
        if self.is_ordered() {
            self.sift_to_root(0, self.heap.len() - 1);
        }
    }

    fn pop(&mut self) -> Option<usize> {
        let last = self.heap.pop()?;
        if !self.is_ordered() {
            return Some(last);
        }
        let Some(first) = self.heap.first_mut() else { return Some(last) };
        let top = std::mem::replace(first, last);
        // Down to a leaf along the larger gains, then up again.
        let (mut place, n) = (0, self.heap.len());
        while 2 * place + 1 < n {
            let mut child = 2 * place + 1;
            if child + 1 < n && self.gain(self.heap[child]) <= self.gain(self.heap[child + 1]) {
                child += 1;
            }
            self.heap.swap(place, child);
            place = child;
        }
        self.sift_to_root(0, place);
        Some(top)
    }

    fn sift_to_root(&mut self, start: usize, mut place: usize) {
        while place > start {
            let above = (place - 1) / 2;
            if self.gain(self.heap[place]) <= self.gain(self.heap[above]) {
                break;
            }
            self.heap.swap(place, above);
            place = above;
        }
    }
}

/// The better of two splits with their ranks: of equal gain that of lower rank.
fn better(a: Option<(Split, u32)>, b: Option<(Split, u32)>) -> Option<(Split, u32)> {
    match (a, b) {
        (Some(first), Some(second)) => {
            let is_second = second.0.gain > first.0.gain || (second.0.gain == first.0.gain && second.1 < first.1);
            Some(if is_second { second } else { first })
        }
        (a, b) => a.or(b),
    }
}

/// The search for the best splits of two nodes on some of the features.
struct Search<'a> {
    rules: &'a Rules<'a>,
    gradients: &'a Gradients,
    known: [Option<Known>; 2],
    ranks: &'a [Option<Ranks>; 2],
    /// The first of the features.
    first: usize,
    cells: &'a mut [FeatureCells],
    used: &'a mut [BinSet],
    others: Option<&'a Histogram>,
    scratch: &'a mut Scratch,
}

impl Loops for Search<'_> {
    type Output = [Option<(Split, u32)>; 2];

    #[inline(always)]
    fn run(self) -> Self::Output {
        let mut best = [None, None];
        for (feature, (cells, used)) in (self.first..).zip(self.cells.iter_mut().zip(self.used)) {
            let others = self.others.map(|others| (&others.cells[feature], &others.used[feature]));
            if let Some((others, used_by_others)) = others {
                histogram::subtract(cells, used, others, used_by_others);
            }
            for (i, cells) in [Some((&*cells, &*used)), others].into_iter().enumerate() {
                let rank = self.ranks[i].as_ref().and_then(|ranks| ranks[feature]);
                let (Some(known), Some(rank), Some(cells)) = (&self.known[i], rank, cells) else { continue };
                let found = split::best(self.rules, self.gradients, known, feature, cells, self.scratch);
                best[i] = better(best[i], found.map(|split| (split, rank)));
            }
        }
        best
    }
}

/// Bounds of the children's children if the prediction must rise (1) or fall (-1) with the feature.
fn bounds_below(bounds: (f64, f64), monotonic: i8, values: (f64, f64)) -> ((f64, f64), (f64, f64)) {
    let middle = f64::midpoint(values.0, values.1);
    match monotonic {
        0 => (bounds, bounds),
        1.. => ((bounds.0, middle), (middle, bounds.1)),
        _ => ((middle, bounds.1), (bounds.0, middle)),
    }
}

/// Moves rows that go left to the front and the others, in order, to `others`. Returns how many go left.
fn part(rows: &mut [u32], others: &mut [u32], column: &[u8], goes_left: &[bool; 256]) -> usize {
    let (mut n_left, mut n_right) = (0, 0);
    for i in 0..rows.len() {
        let row = rows[i];
        let goes_left = goes_left[usize::from(column[row as usize])];
        rows[n_left] = row;
        others[n_right] = row;
        n_left += usize::from(goes_left);
        n_right += usize::from(!goes_left);
    }
    n_left
}
