//! The nearest rows found so far, for each query of a leaf.

use crate::common::{Result, memory};
use crate::metrics::leaf::LEAF;

/// Lists up to this length are kept sorted, which is fastest for short ones; longer ones are heaps until the end.
const SORTED: usize = 32;

/// What comes after every neighbour.
const NOTHING: (f64, u32) = (f64::INFINITY, u32::MAX);

/// A list of the `k` nearest rows for each of up to `width` queries.
#[derive(Debug)]
pub(super) struct Lists {
    k: usize,
    /// Ranks and indices, shape `(width, k)`.
    entries: Vec<(f64, u32)>,
    /// Rank of the last neighbour of each query; below any rank where there is no query.
    pub(super) limits: [f64; LEAF],
}

impl Lists {
    pub(super) fn new(k: usize, width: usize) -> Result<Self> {
        Ok(Self { k, entries: memory::filled(memory::area(width, k)?, NOTHING)?, limits: [f64::NEG_INFINITY; LEAF] })
    }

    /// Empty lists for `count` queries.
    pub(super) fn clear(&mut self, count: usize) {
        self.entries[..count * self.k].fill(NOTHING);
        self.limits[..count].fill(f64::INFINITY);
        self.limits[count..].fill(f64::NEG_INFINITY);
    }

    /// The list of a query, in order once [`Lists::sort`] was called.
    pub(super) fn list(&self, query: usize) -> &[(f64, u32)] {
        &self.entries[query * self.k..(query + 1) * self.k]
    }

    /// The last neighbour that a query has.
    #[inline(always)]
    pub(super) fn last_of(&self, query: usize) -> (f64, u32) {
        self.entries[query * self.k + if self.k <= SORTED { self.k - 1 } else { 0 }]
    }

    /// Offers a row, of a rank not above its limit, to a query.
    #[inline(always)]
    pub(super) fn take(&mut self, query: usize, rank: f64, row: u32) {
        let list = &mut self.entries[query * self.k..(query + 1) * self.k];
        if list.len() <= SORTED {
            let mut at = list.len() - 1;
            if !before((rank, row), list[at]) {
                return;
            }
            while at > 0 && before((rank, row), list[at - 1]) {
                list[at] = list[at - 1];
                at -= 1;
            }
            list[at] = (rank, row);
            self.limits[query] = list[list.len() - 1].0;
        } else if before((rank, row), list[0]) {
            replace_first(list, (rank, row));
            self.limits[query] = list[0].0;
        }
    }

    /// Puts the lists of `count` queries in order.
    pub(super) fn sort(&mut self, count: usize) {
        if self.k > SORTED {
            for list in self.entries[..count * self.k].chunks_exact_mut(self.k) {
                list.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            }
        }
    }
}

/// Whether a neighbour comes before another.
#[inline(always)]
pub(super) fn before(a: (f64, u32), b: (f64, u32)) -> bool {
    a.0 < b.0 || (a.0 == b.0 && a.1 < b.1)
}

/// Puts an entry in place of the first of a heap, which is its last neighbour.
fn replace_first(heap: &mut [(f64, u32)], entry: (f64, u32)) {
    let mut at = 0;
    loop {
        let mut child = 2 * at + 1;
        if child + 1 < heap.len() && before(heap[child], heap[child + 1]) {
            child += 1;
        }
        if child >= heap.len() || !before(entry, heap[child]) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = entry;
}
