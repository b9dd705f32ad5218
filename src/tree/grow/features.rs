//! Which features a node looks at: drawn without replacement as scikit-learn draws them.
//!
//! A Fisher-Yates shuffle that stops early. A feature that is constant in a node is constant in all nodes below, so the
//! constant ones are kept in front of the others, from parent to child, and drawing one of them costs nothing. The order
//! of features between draws decides what later draws mean, so it is kept as scikit-learn keeps it.

use crate::common::{Result, memory, random::OurRandR};

/// The order of all features between two nodes.
pub(super) struct Features {
    order: Vec<u32>,
    /// The constant features on the way from the root to the current node, in the order in which they were found.
    constants: Vec<u32>,
}

/// Draws for one node. In `order`: constant features drawn, known constants not drawn, constants found here, features not
/// drawn, features drawn.
pub(super) struct Draws<'a> {
    features: &'a mut Features,
    most: usize,
    known: usize,
    drawn_constants: usize,
    found: usize,
    visited: usize,
    end: usize,
}

/// A place in the order of features that was drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn(usize);

impl Features {
    pub(super) fn new(n: usize) -> Result<Self> {
        let mut order = memory::try_with_capacity(n)?;
        order.extend(0..n as u32);
        Ok(Self { order, constants: memory::try_filled(n, 0)? })
    }

    /// The features not known to be constant in a node with `known` constants.
    pub(super) fn open(&self, known: usize) -> &[u32] {
        &self.order[known..]
    }

    /// Starts to draw for a node with `known` constants: at least one feature that is not constant if there is one, and
    /// no more than `most` unless that calls for it.
    pub(super) fn draws(&mut self, known: usize, most: usize) -> Draws<'_> {
        let end = self.order.len();
        Draws { features: self, most, known, drawn_constants: 0, found: 0, visited: 0, end }
    }
}

impl Draws<'_> {
    /// The next feature to look at. Whoever asks says before the next call whether it was [`Draws::constant`] or
    /// [`Draws::varied`].
    pub(super) fn next(&mut self, random: &mut OurRandR) -> Option<(Drawn, usize)> {
        while self.end > self.known + self.found
            && (self.visited < self.most || self.visited <= self.found + self.drawn_constants)
        {
            self.visited += 1;
            let among = self.end - self.found - self.drawn_constants;
            let place = self.drawn_constants + random.draw() as usize % among;
            if place >= self.known {
                let place = place + self.found;
                return Some((Drawn(place), self.features.order[place] as usize));
            }
            self.features.order.swap(self.drawn_constants, place);
            self.drawn_constants += 1;
        }
        None
    }

    /// The feature drawn is constant in this node.
    pub(super) fn constant(&mut self, drawn: Drawn) {
        self.features.order.swap(drawn.0, self.known + self.found);
        self.found += 1;
    }

    /// The feature drawn is not constant.
    pub(super) fn varied(&mut self, drawn: Drawn) {
        self.end -= 1;
        self.features.order.swap(drawn.0, self.end);
    }

    /// Ends the draws; the number of constants that the children know.
    pub(super) fn finish(self) -> usize {
        let Features { order, constants } = self.features;
        let all = self.known + self.found;
        // Siblings rely on the order of the constants they share.
        order[..self.known].copy_from_slice(&constants[..self.known]);
        constants[self.known..all].copy_from_slice(&order[self.known..all]);
        all
    }
}
