//! The leaves that may be expanded, the most promising on top.
//!
//! Which of several leaves of equal promise comes first depends on how the heap moves them, so this is the heap that
//! scikit-learn uses, the C++ standard library's as GNU implements it: what replaces the top sinks to the bottom along
//! the larger children and rises from there.

use super::builder::Expandable;
use crate::common::{Error, Result};

#[derive(Debug, Default)]
pub(super) struct Frontier {
    heap: Vec<Expandable>,
}

impl Frontier {
    pub(super) fn push(&mut self, leaf: Expandable) -> Result<()> {
        self.heap.try_reserve(1).map_err(|_| Error::MemoryShort)?;
        self.heap.push(leaf);
        self.rise(self.heap.len() - 1);
        Ok(())
    }

    /// Takes the leaf that promises most.
    pub(super) fn pop(&mut self) -> Option<Expandable> {
        let last = self.heap.len().checked_sub(1)?;
        self.heap.swap(0, last);
        let top = self.heap.pop();
        let mut place = 0;
        while 2 * place + 1 < last {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let larger = if right < last && !self.less(right, left) { right } else { left };
            self.heap.swap(place, larger);
            place = larger;
        }
        if last > 0 {
            self.rise(place);
        }
        top
    }

    fn less(&self, a: usize, b: usize) -> bool {
        self.heap[a].improvement() < self.heap[b].improvement()
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.less(parent, place) {
                return;
            }
            self.heap.swap(parent, place);
            place = parent;
        }
    }
}
