//! The parameters of a network as products want them: panels for the way forward, and for the way back.

use super::shape::{Dense, Shape};
use crate::common::{Float, Result, memory};
use crate::linalg::gemm::{self, LANES, padded};

/// The panels of all layers.
#[derive(Debug)]
pub struct Packed<F> {
    layers: Vec<Layer<F>>,
}

/// The panels of one layer.
#[derive(Debug)]
pub struct Layer<F> {
    /// Weights, block of rows after block of rows, each packed by itself: `fan_in * padded(fan_out)` values.
    pub forward: Vec<F>,
    /// Transposed weights: `fan_out * padded(fan_in)` values; none of the first layer, whose inputs have no errors.
    pub backward: Vec<F>,
    /// Intercepts, `padded(fan_out)` values; zeros of a normalised layer, which adds them later.
    pub intercepts: Vec<F>,
}

/// What is packed of one block of a layer's rows.
pub struct Part<'a, F> {
    /// Columns of the weights.
    pub fan_out: usize,
    /// As [`Layer::forward`].
    pub forward: &'a mut [F],
    /// As [`Layer::backward`].
    pub backward: &'a mut [F],
}

impl<F: Float> Packed<F> {
    /// Packs the parameters of all layers. `has_backward`: the way back is wanted.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Shape`].
    pub fn new(shape: &Shape, params: &[Dense<F>], has_backward: bool) -> Result<Self> {
        shape.check(params)?;
        let mut layers = memory::try_with_capacity(shape.n_layers())?;
        for layer in 0..shape.n_layers() {
            let (fan_in, fan_out) = (shape.fan_in(layer), shape.fan_out(layer));
            let back = if has_backward && layer > 0 { memory::checked_len(fan_out, padded(fan_in))? } else { 0 };
            layers.push(Layer {
                forward: memory::try_filled(memory::checked_len(fan_in, padded(fan_out))?, F::ZERO)?,
                backward: memory::try_filled(back, F::ZERO)?,
                intercepts: memory::try_filled(padded(fan_out), F::ZERO)?,
            });
        }
        let mut packed = Self { layers };
        packed.update(shape, params);
        Ok(packed)
    }

    /// Packs other parameters of the same shape.
    pub fn update(&mut self, shape: &Shape, params: &[Dense<F>]) {
        for (layer, (panels, params)) in self.layers.iter_mut().zip(params).enumerate() {
            let fan_out = shape.fan_out(layer);
            let rows = params.weights.chunks(shape.block_rows(layer) * fan_out);
            let (parts, intercepts) = panels.parts(shape, layer);
            rows.zip(parts).for_each(|(rows, part)| part.pack(rows));
            if !shape.is_normalized(layer) {
                intercepts[..fan_out].copy_from_slice(params.intercepts);
            }
        }
    }

    /// The panels of a layer.
    pub fn layer(&self, layer: usize) -> &Layer<F> {
        &self.layers[layer]
    }

    /// The panels of all layers.
    pub fn layers_mut(&mut self) -> &mut [Layer<F>] {
        &mut self.layers
    }
}

impl<F: Float> Layer<F> {
    /// Adds `factor` times row `row` of the weights to `sums`, of length `padded(fan_out)`.
    pub fn add_row(&self, shape: &Shape, row: usize, factor: F, sums: &mut [F]) {
        let (rows, width) = (shape.block_rows(0), sums.len());
        let first = row / rows * rows;
        let depth = rows.min(shape.fan_in(0) - first);
        let block = &self.forward[first * width..][..depth * width];
        for (panel, sums) in block.chunks_exact(depth * LANES).zip(sums.chunks_exact_mut(LANES)) {
            gemm::add_scaled(factor, &panel[(row - first) * LANES..][..LANES], sums);
        }
    }

    /// The blocks of this layer, and its intercepts.
    pub fn parts(&mut self, shape: &Shape, layer: usize) -> (Vec<Part<'_, F>>, &mut [F]) {
        let (rows, fan_out) = (shape.block_rows(layer), shape.fan_out(layer));
        let mut backward = self.backward.chunks_mut(rows * fan_out);
        let forward = self.forward.chunks_mut(rows * padded(fan_out));
        let parts =
            forward.map(|forward| Part { fan_out, forward, backward: backward.next().unwrap_or_default() }).collect();
        (parts, &mut self.intercepts)
    }
}

impl<F: Float> Part<'_, F> {
    /// Packs the rows of the block, row-major.
    pub fn pack(self, rows: &[F]) {
        gemm::pack(rows, self.fan_out, self.forward);
        if !self.backward.is_empty() {
            gemm::pack_transposed(rows, self.fan_out, self.backward);
        }
    }
}
