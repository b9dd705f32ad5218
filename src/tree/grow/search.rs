//! The best split of one feature in one node.
//!
//! Each sample of the node becomes a key, its rank above and what the criterion needs below; the keys are sorted, and the
//! criterion moves them one after the other from the right side to the left. Missing values stand behind all others;
//! where there are some, the scan is repeated with them in front.

use super::column::Column;
use super::columns::Feature;
use super::criteria::{Criterion, SWEEP};
use super::order::{self, rank};
use crate::common::{Result, memory};

/// Below this many samples scikit-learn's sort is insertion, so that equal values stay in the order in which they were.
const INSERTED: usize = 16;
/// Up to this many samples ties are left in scikit-learn's order, whatever the weights. In larger nodes that is done for
/// coarse columns, and for all where [weights round](Criterion::weights_round): else a few ties hardly decide anything.
const FOLLOWED: usize = 1024;
/// From this many samples on it pays to know where ties are, so that only those are left in scikit-learn's order.
const LOCATED: usize = 128;

/// Up to this many samples splits are weighed one by one.
const FEW: usize = 8;
/// Equal keys after which the end of them is searched for, not walked to.
const STEPS: usize = 16;

/// What a split has to heed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) min_samples_leaf: usize,
    pub(super) min_weight_leaf: f64,
    /// Bounds of the values of both sides, where some feature is monotonic.
    pub(super) lower: f64,
    pub(super) upper: f64,
}

/// A split of one feature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) proxy: f64,
    /// Samples on the left.
    pub(super) n_left: usize,
    /// The largest rank on the left.
    pub(super) low: u32,
    /// The smallest rank on the right; None if only missing values are there.
    pub(super) high: Option<u32>,
    pub(super) missing_left: bool,
}

/// The samples of a node.
#[derive(Clone, Copy)]
pub(super) struct Samples<'a> {
    /// Their rows.
    pub(super) rows: &'a [u32],
    /// Where each row of the data stands, and where these start: see [`Column::gather`].
    pub(super) at: &'a [u32],
    pub(super) start: usize,
}

/// Room for looking at one feature.
pub(super) struct Scratch<S> {
    pub(super) ranks: Vec<u32>,
    /// The ranks of the best feature so far.
    pub(super) best: Vec<u32>,
    pub(super) keys: Vec<u64>,
    pub(super) spare: Vec<u64>,
    pub(super) sides: S,
}

impl<S> Scratch<S> {
    /// For nodes of at most `n` samples; there is no room for ranks if those need not be gathered.
    pub(super) fn new<C: Criterion<Sides = S>>(criterion: &C, n: usize, gathers: bool) -> Result<Self> {
        let n_ranks = if gathers { n } else { 0 };
        Ok(Self {
            ranks: memory::try_filled(n_ranks, 0)?,
            best: memory::try_filled(n_ranks, 0)?,
            keys: memory::try_filled(n, 0)?,
            spare: memory::try_filled(n, 0)?,
            sides: criterion.sides(n)?,
        })
    }
}

/// What the keys of a feature in a node look like, once sorted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sorted {
    pub(super) n_missing: usize,
    pub(super) is_constant: bool,
    /// Whether no two samples differ, so that sorting them changes nothing.
    pub(super) is_uniform: bool,
    /// Whether some values may count as one; said only where the order of samples matters.
    pub(super) has_ties: bool,
    /// Whether some are equal; said as `has_ties` is.
    has_equals: bool,
}

impl Sorted {
    /// Whether, in a node of `n`, the order in which samples were decides the order in which they are now.
    pub(super) fn needs_order<C: Criterion>(&self, criterion: &C, n: usize, is_coarse: bool) -> bool {
        !self.is_uniform && (self.n_missing > 0 || (self.has_equals && follows(criterion, n, is_coarse)))
    }
}

/// Whether `order`, the samples as scikit-learn has them, is kept in a node of `n` while features are looked at.
/// `has_coarse` says whether some column is [coarse](Column::is_coarse).
pub(super) fn follows<C: Criterion>(criterion: &C, n: usize, has_coarse: bool) -> bool {
    C::ORDERED && (n <= FOLLOWED || has_coarse || criterion.weights_round())
}

/// Fills the keys of a node, sorted. `order`, if [`follows`] says that it is kept, are its samples as scikit-learn has them
/// at this point; it changes with the keys.
pub(super) fn sort<C: Criterion>(
    criterion: &C,
    feature: Feature,
    samples: Samples,
    order: Option<&mut [u32]>,
    scratch: &mut Scratch<C::Sides>,
) -> Sorted {
    let n = samples.rows.len();
    let Scratch { ranks, keys, spare, .. } = scratch;
    let (ranks, keys) = (&mut ranks[..n], &mut keys[..n]);
    feature.column.gather(samples.rows, samples.at, samples.start, ranks);
    if let Some(order) = order {
        follow(criterion, ranks, feature, order, (keys, &mut spare[..n]), None);
    } else {
        for (i, (key, &rank)) in keys.iter_mut().zip(&*ranks).enumerate() {
            *key = u64::from(rank) << 32 | u64::from(criterion.payload(i));
        }
        order::sort(keys, &mut spare[..n]);
    }
    look::<C>(feature.column, keys, true)
}

/// What sorted keys look like; `may_tie` says that some values may count as one.
pub(super) fn look<C: Criterion>(column: &Column, keys: &[u64], may_tie: bool) -> Sorted {
    let (Some(&first), Some(&last)) = (keys.first(), keys.last()) else { return Sorted::default() };
    let mut sorted = Sorted { is_uniform: rank(first) == rank(last), ..Sorted::default() };
    let mut values = keys.len();
    if rank(last) == column.missing() {
        values = keys.partition_point(|&key| rank(key) != column.missing());
        sorted.n_missing = keys.len() - values;
    }
    sorted.is_constant = values == 0 || (sorted.n_missing == 0 && !column.apart(rank(first), rank(last)));
    if C::ORDERED && may_tie && !sorted.is_uniform {
        sorted.has_ties = has_ties(column, &keys[..values]);
        sorted.has_equals = sorted.has_ties && has_equals(&keys[..values]);
    }
    sorted
}

/// Whether some neighbours among sorted keys count as one. Where many do that is soon found, where few do most keys have
/// to be seen: so they are seen without branches, some at a time.
fn has_ties(column: &Column, keys: &[u64]) -> bool {
    let mut start = 0;
    while start + 1 < keys.len() {
        let end = (start + SWEEP).min(keys.len() - 1);
        let ties = keys[start..end].iter().zip(&keys[start + 1..=end]);
        if ties.fold(false, |some, (&low, &high)| some | !column.apart(rank(low), rank(high))) {
            return true;
        }
        start = end;
    }
    false
}

/// Whether some of sorted keys have equal ranks.
fn has_equals(keys: &[u64]) -> bool {
    keys.windows(2).any(|pair| rank(pair[0]) == rank(pair[1]))
}

/// Sorts the samples `order` and their keys as scikit-learn would; `ranks` has the rank of each sample by its number.
/// `sorted` are the keys in any order among ties, if it is known.
pub(super) fn follow<C: Criterion>(
    criterion: &C,
    ranks: &[u32],
    feature: Feature,
    order: &mut [u32],
    (keys, spare): (&mut [u64], &mut [u64]),
    sorted: Option<&[u64]>,
) {
    let missing = feature.column.missing();
    let n = match feature.column.has_missing() {
        true => part_missing(order, |i| ranks[i as usize] == missing),
        false => order.len(),
    };
    let fill = |keys: &mut [u64]| {
        for (key, &i) in keys.iter_mut().zip(&*order) {
            *key = u64::from(ranks[i as usize]) << 32 | u64::from(i);
        }
    };
    fill(keys);
    // Behind the values stand the missing ones, which stay.
    let (values, spare) = (&mut keys[..n], &mut spare[..n]);
    match sorted {
        _ if n < INSERTED => order::insert(values),
        _ if feature.is_coarse => order::sort_as_parent(values),
        Some(sorted) if n >= LOCATED => order::sort_ties_as_parent(values, &sorted[..n]),
        Some(_) => order::sort_as_parent(values),
        None => {
            order::sort(values, spare);
            if follows(criterion, n, false) && has_equals(values) {
                spare.copy_from_slice(values);
                fill(values);
                order::sort_ties_as_parent(values, spare);
            }
        }
    }
    order.iter_mut().zip(keys).for_each(|(i, key)| *i = *key as u32);
}

/// Moves missing samples behind the others, swap by swap as scikit-learn does; the number of the others.
fn part_missing(order: &mut [u32], is_missing: impl Fn(u32) -> bool) -> usize {
    let (mut next, mut end) = (0, order.len());
    while next < end {
        if is_missing(order[end - 1]) {
            end -= 1;
        } else {
            if is_missing(order[next]) {
                end -= 1;
                order.swap(next, end);
            }
            next += 1;
        }
    }
    end
}

/// The best split of the sorted `keys` that is better than `floor`, the first of equals; none if the feature is constant.
/// Where values are missing, `spare` has room for all keys.
pub(super) fn scan<C: Criterion>(
    criterion: &C,
    column: &Column,
    sorted: Sorted,
    monotonic: i8,
    rules: &Rules,
    mut floor: f64,
    keys: &[u64],
    (spare, sides): (&mut [u64], &mut C::Sides),
) -> Option<Candidate> {
    let n = keys.len();
    let mut best = None;
    if sorted.is_constant {
        return best;
    }
    if sorted.n_missing == 0
        && monotonic == 0
        && rules.min_weight_leaf <= 0.0
        && criterion.sweeps()
        && (!sorted.has_ties || moves_one_way(column, keys, rules.min_samples_leaf))
    {
        return sweep(criterion, column, rules.min_samples_leaf, floor, (keys, sides));
    }
    for missing_left in [false, true] {
        let (mut p, end) = if missing_left { (sorted.n_missing, n) } else { (0, n - sorted.n_missing) };
        let mut keys = keys;
        if missing_left {
            if sorted.n_missing == 0 {
                break;
            }
            spare[..n].copy_from_slice(keys);
            spare[..n].rotate_right(sorted.n_missing);
            keys = &spare[..n];
        }
        criterion.reset(sides, keys);
        while p < end {
            p = next_split(column, &keys[..end], p + 1);
            if p == n {
                break;
            }
            if p < rules.min_samples_leaf || n - p < rules.min_samples_leaf {
                continue;
            }
            criterion.advance(sides, keys, p);
            if !allowed(criterion, sides, monotonic, rules) {
                continue;
            }
            let proxy = criterion.proxy(sides);
            if proxy > floor {
                floor = proxy;
                best = Some(Candidate {
                    proxy,
                    n_left: p,
                    low: rank(keys[p - 1]),
                    high: (p < end).then(|| rank(keys[p])),
                    missing_left: if sorted.n_missing == 0 { p > n - p } else { missing_left },
                });
            }
        }
    }
    best
}

/// Whether scikit-learn reaches all splits from the left: it takes the shorter way from one to the next, and after many
/// equal values that may be the one from the right. From a split at `at` the way to one at p is longer from the left if
/// 2 p > n + `at`, so what matters is the last split that is not so far.
fn moves_one_way(column: &Column, keys: &[u64], min_samples_leaf: usize) -> bool {
    let n = keys.len();
    let (mut at, end) = (0, n - min_samples_leaf.max(1));
    loop {
        let near = ((n + at) / 2).min(end);
        match last_split(column, keys, at.max(min_samples_leaf.max(1) - 1), near) {
            Some(p) => at = p,
            None => return next_split(column, keys, near + 1) > end,
        }
        if near == end {
            return true;
        }
    }
}

/// The first place from `p` on (which is not 0) where a split may fall, or the end.
#[inline]
fn next_split(column: &Column, keys: &[u64], mut p: usize) -> usize {
    let start = p;
    while p < keys.len() {
        let (low, high) = (rank(keys[p - 1]), rank(keys[p]));
        if column.apart(low, high) {
            break;
        }
        p += 1;
        if low == high && p - start > STEPS {
            p += keys[p..].partition_point(|&key| rank(key) == high);
        }
    }
    p
}

/// The last place after `before` and up to `p` where a split may fall.
fn last_split(column: &Column, keys: &[u64], before: usize, mut p: usize) -> Option<usize> {
    let start = p;
    while p > before {
        let (low, high) = (rank(keys[p - 1]), rank(keys[p]));
        if column.apart(low, high) {
            return Some(p);
        }
        p -= 1;
        if low == high && start - p > STEPS {
            p = keys[..p].partition_point(|&key| rank(key) != high);
        }
    }
    None
}

/// [`scan`] where all that matters is the proxy: it is had for many splits at once, and whether there can be a split is
/// asked only where it would be the best so far.
fn sweep<C: Criterion>(
    criterion: &C,
    column: &Column,
    min_samples_leaf: usize,
    mut floor: f64,
    (keys, sides): (&[u64], &mut C::Sides),
) -> Option<Candidate> {
    let n = keys.len();
    let mut best = None;
    criterion.reset(sides, keys);
    if n <= FEW && C::IS_CHEAP {
        for p in min_samples_leaf.max(1)..=n - min_samples_leaf.max(1) {
            let (low, high) = (rank(keys[p - 1]), rank(keys[p]));
            if column.apart(low, high) {
                criterion.advance(sides, keys, p);
                let proxy = criterion.proxy(sides);
                if proxy > floor {
                    floor = proxy;
                    best = Some(Candidate { proxy, n_left: p, low, high: Some(high), missing_left: p > n - p });
                }
            }
        }
        return best;
    }
    for (k, part) in keys[..n - 1].chunks(SWEEP).enumerate() {
        let mut mask = criterion.sweep(sides, part, floor);
        while mask != 0 {
            let i = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let p = k * SWEEP + i + 1;
            let (low, high) = (rank(keys[p - 1]), rank(keys[p]));
            if p < min_samples_leaf || n - p < min_samples_leaf || !column.apart(low, high) {
                continue;
            }
            let proxy = criterion.swept(sides, part, i);
            if proxy > floor {
                floor = proxy;
                best = Some(Candidate { proxy, n_left: p, low, high: Some(high), missing_left: p > n - p });
            }
        }
    }
    best
}

/// Whether weights and values of the sides keep to the rules.
#[inline]
pub(super) fn allowed<C: Criterion>(criterion: &C, sides: &C::Sides, monotonic: i8, rules: &Rules) -> bool {
    let (left, right) = criterion.weights(sides);
    if left < rules.min_weight_leaf || right < rules.min_weight_leaf {
        return false;
    }
    if monotonic == 0 {
        return true;
    }
    let (left, right) = criterion.child_values(sides);
    let within = |value: f64| value >= rules.lower && value <= rules.upper;
    within(left) && within(right) && (left - right) * f64::from(monotonic) <= 0.0
}
