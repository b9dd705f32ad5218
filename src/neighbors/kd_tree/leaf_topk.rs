//! The nearest rows found so far, for each query of a leaf.

use crate::common::{Result, memory};
use crate::metrics::leaf::LEAF;

/// Lists up to this length are kept sorted, which is fastest for short ones; longer ones are heaps until the end.
const SORTED: usize = 24;

/// A neighbour as a number that orders like (rank, index): the bits of a rank, which is never negative, order as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Neighbor(u128);

impl Neighbor {
    /// What comes after every neighbour.
    pub(super) const NONE: Self = Self((f64::INFINITY.to_bits() as u128) << 64 | u32::MAX as u128);

    #[inline(always)]
    pub(super) fn new(rank: f64, row: u32) -> Self {
        Self(u128::from(rank.to_bits()) << 64 | u128::from(row))
    }

    #[inline(always)]
    pub(super) fn rank(self) -> f64 {
        f64::from_bits((self.0 >> 64) as u64)
    }

    #[inline(always)]
    pub(super) fn row(self) -> u32 {
        self.0 as u32
    }
}

/// A list of the `k` nearest rows for each of up to `width` queries.
#[derive(Debug)]
pub(super) struct Lists {
    k: usize,
    /// Shape `(width, k)`.
    entries: Vec<Neighbor>,
    /// Rank of the last neighbour of each query; below any rank where there is no query.
    pub(super) limits: [f64; LEAF],
}

impl Lists {
    pub(super) fn new(k: usize, width: usize) -> Result<Self> {
        let entries = memory::try_filled(memory::checked_len(width, k)?, Neighbor::NONE)?;
        Ok(Self { k, entries, limits: [f64::NEG_INFINITY; LEAF] })
    }

    /// Empty lists for `count` queries.
    pub(super) fn clear(&mut self, count: usize) {
        self.entries[..count * self.k].fill(Neighbor::NONE);
        self.limits[..count].fill(f64::INFINITY);
        self.limits[count..].fill(f64::NEG_INFINITY);
    }

    /// The list of a query, in order once [`Lists::sort`] was called.
    pub(super) fn list(&self, query: usize) -> &[Neighbor] {
        &self.entries[query * self.k..(query + 1) * self.k]
    }

    /// The last neighbour that a query has.
    pub(super) fn last(&self, query: usize) -> Neighbor {
        self.entries[query * self.k + if self.k <= SORTED { self.k - 1 } else { 0 }]
    }

    /// Puts a row into the list of a query if it comes before the last one there.
    #[inline(always)]
    pub(super) fn take(&mut self, query: usize, rank: f64, row: u32) {
        let list = &mut self.entries[query * self.k..(query + 1) * self.k];
        let mut entry = Neighbor::new(rank, row);
        if list.len() > SORTED {
            if entry < list[0] {
                replace_first(list, entry);
                self.limits[query] = list[0].rank();
            }
            return;
        }
        if entry < list[list.len() - 1] {
            // Each place keeps the nearer one and hands on the other: no branch to mispredict.
            for place in list.iter_mut() {
                let (near, far) = if entry < *place { (entry, *place) } else { (*place, entry) };
                (*place, entry) = (near, far);
            }
            self.limits[query] = list[list.len() - 1].rank();
        }
    }

    /// Puts the lists of `count` queries in order.
    pub(super) fn sort(&mut self, count: usize) {
        if self.k > SORTED {
            self.entries[..count * self.k].chunks_exact_mut(self.k).for_each(<[_]>::sort_unstable);
        }
    }
}

/// Puts an entry in place of the first of a heap, which is its last neighbour.
fn replace_first(heap: &mut [Neighbor], entry: Neighbor) {
    let mut at = 0;
    loop {
        let mut child = 2 * at + 1;
        if child + 1 < heap.len() && heap[child] < heap[child + 1] {
            child += 1;
        }
        if child >= heap.len() || heap[child] < entry {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = entry;
}
