//! Neural networks: layers of units, each a function of a weighted sum of the layer before.
//!
//! [`shape`] says where parameters lie, [`packed`] holds them as products want them, [`batch`] runs rows forward and their
//! errors back, [`train`] takes steps along gradients of small batches, [`full`] gives the loss of all rows at once,
//! [`normalize`] normalises sums over a batch, [`dropout`] silences units for a step,
//! [`answer`] runs rows forward only, [`score`] judges the answers.

pub mod activation;
pub mod batch;
pub mod dropout;
pub mod forward;
pub mod full_batch;
pub mod input;
pub mod loss;
pub mod normalize;
pub mod packed;
pub mod score;
pub mod shape;
pub mod train;
