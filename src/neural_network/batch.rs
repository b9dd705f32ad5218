//! One batch through a network: forward, errors backward, the gradient.
//!
//! Two passes, each shared out in parts that the shapes alone decide. First, blocks of rows go all the way forward and
//! their errors all the way back, while what they hold is warm; where sums are normalised, blocks wait for each other at
//! each layer. Then, blocks of weights are multiplied together: the
//! gradient of each is a sum over all rows, in order. Each part writes to memory of its own; no bit depends on threads.
//!
//! Reference: D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating errors", 1986.

use std::ops::Range;

use super::activation::Activation;
use super::dropout::Dropout;
use super::input::{Input, dense_forward, transposed};
use super::loss::Loss;
use super::normalize::{Moments, Normal};
use super::packed::Packed;
use super::shape::Shape;
use crate::common::{Context, Float, Result, memory, pairwise, parallel};
use crate::linalg::RowSet;
use crate::linalg::gemm::{self, Start, padded};

/// Multiply-adds of a batch below which it is not cut: handing it out would take longer.
const MIN_WORK: usize = 1 << 18;
/// Parts of a larger batch.
const BLOCKS: usize = 4;
/// Rows of a part are whole tiles of the products.
const TILE_ROWS: usize = 6;

/// A network but for its parameters.
#[derive(Debug, Clone)]
pub struct Network {
    /// Its layers.
    pub shape: Shape,
    /// Of the hidden layers.
    pub hidden: Activation,
    /// Of the outputs.
    pub output: Activation,
    /// What is wrong with them.
    pub loss: Loss,
    /// Whether a hidden layer says what it makes of the hidden layer before in addition to what that said, where both
    /// are as wide.
    pub residual: bool,
    /// The fraction of hidden units that are silent in a step.
    pub dropout: f64,
}

impl Network {
    /// Whether what the layer before said is added to what a layer says.
    pub fn skips(&self, layer: usize) -> bool {
        let is_hidden = layer > 0 && layer < self.shape.n_hidden();
        self.residual && is_hidden && self.shape.fan_in(layer) == self.shape.fan_out(layer)
    }

    /// What becomes of the sums of a layer.
    pub fn activation(&self, layer: usize) -> Activation {
        if layer < self.shape.n_hidden() { self.hidden } else { self.output }
    }

    /// Whether gradients cannot be told from what a hidden layer said.
    fn keeps(&self, layer: usize) -> bool {
        let is_hidden = layer < self.shape.n_hidden();
        is_hidden && (self.hidden.derivative_needs_input() || self.dropout > 0.0 || self.skips(layer))
    }
}

/// Samples with their targets and weights.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a, F: Clone> {
    /// The features.
    pub x: Input<'a, F>,
    /// Targets, row-major of shape (n_rows, n_outputs).
    pub y: &'a [F],
    /// Weights, shape (n_rows,); None: all 1.
    pub weights: Option<&'a [F]>,
    /// Whether the weights came in single precision: scikit-learn then sums them in it.
    pub sums_in_single: bool,
}

impl<F: Float> Samples<'_, F> {
    /// The weight of all rows of a set together, as gradients are divided by it.
    pub fn total(&self, rows: RowSet) -> f64 {
        let Some(weights) = self.weights else { return rows.len() as f64 };
        let picked = (0..rows.len()).map(|at| weights[rows.row(at)].to_f64());
        if self.sums_in_single {
            let single: Vec<f32> = picked.map(|weight| weight as f32).collect();
            return f64::from(pairwise::sum(&single));
        }
        picked.sum()
    }

    /// The same, as losses are divided by it.
    pub fn size(&self, rows: RowSet) -> f64 {
        Samples { sums_in_single: false, ..*self }.total(rows)
    }
}

/// What a block of rows is on its way.
#[derive(Debug)]
struct Block<F> {
    /// The place of the first one in the batch.
    start: usize,
    n_rows: usize,
    /// The features, side by side; empty if they are sparse.
    gathered: Vec<F>,
    /// What each layer says, (rows, padded(fan_out)).
    outputs: Vec<Vec<F>>,
    /// What gradients are told from, where it is not that: the same shape, or empty.
    kept: Vec<Vec<F>>,
    /// What each unit is multiplied by, with dropout: the same shape, or empty.
    factors: Vec<Vec<F>>,
    /// Normalised sums: the same shape, or empty.
    normed: Vec<Vec<F>>,
    moments: Moments,
    /// The errors of each layer's sums, (rows, padded(fan_out)).
    errors: Vec<Vec<F>>,
    /// The same, packed.
    panels: Vec<Vec<F>>,
    loss: f64,
}

/// What moves along with the parameters of a layer: parts of its weights in order (as [`Shape::blocks`] cuts them), its
/// intercepts, and its scales if it is normalised.
pub type LayerParts<P> = (Vec<P>, P, Option<P>);

/// The buffers of batches of up to a number of rows.
#[derive(Debug)]
pub struct Workspace<F> {
    blocks: Vec<Block<F>>,
    /// Of each normalised layer.
    normals: Vec<Normal<F>>,
    /// The products of each part of the weights, one behind the other.
    products: Vec<Vec<F>>,
}

/// The parts of a batch of `n_rows`, as even as whole tiles can be; none has more rows than the first.
fn parts_of(shape: &Shape, n_rows: usize) -> impl Iterator<Item = Range<usize>> {
    let count = if n_rows.saturating_mul(shape.work()) < MIN_WORK { 1 } else { BLOCKS };
    let tiles = n_rows.div_ceil(TILE_ROWS);
    let edge = move |part: usize| ((part * tiles).div_ceil(count) * TILE_ROWS).min(n_rows);
    (0..count).map(move |part| edge(part)..edge(part + 1)).filter(|rows| !rows.is_empty())
}

impl<F: Float> Workspace<F> {
    /// For batches of at most `n_rows` rows.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(network: &Network, x: &Input<F>, n_rows: usize) -> Result<Self> {
        let shape = &network.shape;
        // A smaller batch may be below the limit where a larger one is cut: its one block must fit too.
        let uncut = (MIN_WORK / shape.work().max(1)).min(n_rows);
        let rows = parts_of(shape, n_rows).next().map_or(0, |rows| rows.len()).max(uncut);
        let widest = (0..shape.n_hidden()).map(|layer| padded(shape.fan_out(layer))).max().unwrap_or(0);
        let mut blocks = memory::try_with_capacity(BLOCKS)?;
        for _ in 0..parts_of(shape, n_rows).count().max(1) {
            let layers = |has: &dyn Fn(usize) -> bool| -> Result<Vec<Vec<F>>> {
                let width = |layer| if has(layer) { padded(shape.fan_out(layer)) } else { 0 };
                let area = |layer| memory::try_filled(memory::checked_len(rows, width(layer))?, F::ZERO);
                (0..shape.n_layers()).map(area).collect()
            };
            let gathered = memory::try_filled(memory::checked_len(rows, x.width())?, F::ZERO)?;
            blocks.push(Block {
                start: 0,
                n_rows: 0,
                gathered,
                outputs: layers(&|_| true)?,
                kept: layers(&|layer| network.keeps(layer))?,
                factors: layers(&|layer| network.dropout > 0.0 && layer < shape.n_hidden())?,
                normed: layers(&|layer| shape.is_normalized(layer))?,
                moments: Moments::new(if shape.normalizes() { widest } else { 0 })?,
                errors: layers(&|_| true)?,
                panels: layers(&|_| true)?,
                loss: 0.0,
            });
        }
        let product = |layer| {
            memory::try_filled(memory::checked_len(shape.fan_in(layer), padded(shape.fan_out(layer)))?, F::ZERO)
        };
        let products = (0..shape.n_layers()).map(product).collect::<Result<_>>()?;
        let normalized = (0..shape.n_layers()).filter(|&layer| shape.is_normalized(layer));
        let normals = normalized.map(|layer| Normal::new(shape.fan_out(layer))).collect::<Result<_>>()?;
        Ok(Self { blocks, normals, products })
    }

    /// How the sums of each normalised layer were normalised.
    pub fn normals(&self) -> &[Normal<F>] {
        &self.normals
    }

    /// The first pass: sums the losses of the rows (times their weights) and keeps their errors for [`Self::gradient`].
    ///
    /// `values` of shape (n_values,) are what `packed` was packed of; `dropout` says which units are silent, where the
    /// network has any that may be.
    ///
    /// # Errors
    /// [`crate::common::Error::Interrupted`].
    pub fn pass(
        &mut self,
        ctx: &Context,
        network: &Network,
        packed: &Packed<F>,
        values: &[F],
        samples: &Samples<F>,
        rows: RowSet,
        dropout: &Dropout,
    ) -> Result<f64> {
        let shape = &network.shape;
        let mut count = 0;
        for (block, range) in self.blocks.iter_mut().zip(parts_of(shape, rows.len())) {
            (block.start, block.n_rows) = (range.start, range.len());
            count += 1;
        }
        let blocks = &mut self.blocks[..count];
        let of = |block: &Block<F>| part(rows, block);
        let last = shape.n_layers() - 1;
        if !shape.normalizes() {
            parallel::map(ctx, blocks.iter_mut().collect(), |block| {
                let rows = of(block);
                block.begin(&samples.x, rows);
                for layer in 0..=last {
                    block.sum(network, packed, &samples.x, rows, layer);
                    block.activate(network, None, dropout, layer);
                }
                block.judge(network, samples, rows);
                block.lower(network, packed, last);
                for layer in (0..last).rev() {
                    block.pull_back(network, layer);
                    block.lower(network, packed, layer);
                }
                Ok(())
            })?;
            return Ok(blocks.iter().map(|block| block.loss).sum());
        }
        for layer in 0..last {
            let (before, normal) = self.normals.split_at_mut(layer);
            parallel::map(ctx, blocks.iter_mut().collect(), |block| {
                let rows = of(block);
                match before.last() {
                    None => block.begin(&samples.x, rows),
                    before => block.activate(network, before, dropout, layer - 1),
                }
                block.sum(network, packed, &samples.x, rows, layer);
                let width = padded(shape.fan_out(layer));
                block.moments.measure(&block.outputs[layer][..block.n_rows * width], width);
                Ok(())
            })?;
            let moments = blocks.iter().map(|block| (block.n_rows, &block.moments));
            normal[0].merge(moments, &values[shape.scales(layer)], &values[shape.intercepts(layer)]);
        }
        for layer in (0..=last).rev() {
            let normals = &self.normals;
            parallel::map(ctx, blocks.iter_mut().collect(), |block| {
                if layer == last {
                    let rows = of(block);
                    block.activate(network, normals.last(), dropout, last - 1);
                    block.sum(network, packed, &samples.x, rows, last);
                    block.activate(network, None, dropout, last);
                    block.judge(network, samples, rows);
                } else {
                    let len = block.n_rows * padded(shape.fan_out(layer));
                    normals[layer].pull_back(&block.normed[layer][..len], &mut block.errors[layer][..len]);
                }
                block.lower(network, packed, layer);
                if layer > 0 {
                    block.pull_back(network, layer - 1);
                    let width = padded(shape.fan_in(layer));
                    let len = block.n_rows * width;
                    block.moments.sum(&block.errors[layer - 1][..len], &block.normed[layer - 1][..len], width);
                }
                Ok(())
            })?;
            if layer > 0 {
                self.normals[layer - 1].merge_errors(blocks.iter().map(|block| &block.moments));
            }
        }
        Ok(blocks.iter().map(|block| block.loss).sum())
    }

    /// The second pass: hands each part of the parameters and the sum over rows of its gradient to `take`.
    ///
    /// `parts` are those of each layer. `take(part, gradient, is_weights)` gets row-major gradients, on any thread; what it returns is added up in order.
    ///
    /// # Errors
    /// [`crate::common::Error::Interrupted`].
    pub fn gradient<P: Send>(
        &mut self,
        ctx: &Context,
        network: &Network,
        x: &Input<F>,
        rows: RowSet,
        parts: Vec<LayerParts<P>>,
        take: impl Fn(P, &mut [F], bool) -> f64 + Sync,
    ) -> Result<f64> {
        let shape = &network.shape;
        let (blocks, normals) = (&self.blocks[..parts_of(shape, rows.len()).count()], &self.normals);
        let mut jobs = Vec::new();
        for (layer, ((weights, intercepts, scales), products)) in parts.into_iter().zip(&mut self.products).enumerate()
        {
            let mut intercepts = Some((intercepts, scales));
            let width = padded(shape.fan_out(layer));
            let products = products.chunks_mut(shape.block_rows(layer) * width);
            for ((block, part), products) in shape.blocks(layer).zip(weights).zip(products) {
                jobs.push((layer, block, part, intercepts.take(), products));
            }
        }
        let ctx = if rows.len().saturating_mul(shape.work()) < MIN_WORK { &ctx.alone() } else { ctx };
        let found = parallel::map(ctx, jobs, |(layer, columns, part, intercepts, products)| {
            let (fan_out, width) = (shape.fan_out(layer), padded(shape.fan_out(layer)));
            let sparse = (layer == 0).then_some(x).is_some_and(|x| {
                let parts = blocks.iter().map(|block| (self::part(rows, block), &block.errors[0][..]));
                x.sparse_products(parts, columns.clone(), products)
            });
            if !sparse {
                let factors = blocks.iter().map(|block| {
                    let (outputs, stride) = match layer {
                        0 => (&block.gathered, x.width()),
                        _ => (&block.outputs[layer - 1], padded(shape.fan_in(layer))),
                    };
                    let left = transposed(outputs, block.n_rows, stride, columns.clone());
                    (left, &block.panels[layer][..block.n_rows * width])
                });
                gemm::multiply(&factors.collect::<Vec<_>>(), Start::Zero, products);
            }
            let mut found = take(part, compact(products, width, fan_out), true);
            if let Some((intercepts, scales)) = intercepts {
                let sums = &mut products[..width];
                if let (Some(normal), Some(scales)) = (normals.get(layer), scales) {
                    let [of_intercepts, of_scales] = normal.gradients();
                    sums.copy_from_slice(of_scales);
                    found += take(scales, &mut sums[..fan_out], false);
                    sums.copy_from_slice(of_intercepts);
                } else {
                    sums.fill(F::ZERO);
                    for block in blocks {
                        for errors in block.errors[layer].chunks_exact(width).take(block.n_rows) {
                            gemm::add_scaled(F::ONE, errors, sums);
                        }
                    }
                }
                found += take(intercepts, &mut sums[..fan_out], false);
            }
            Ok(found)
        })?;
        Ok(found.iter().sum())
    }
}

/// Closes the gaps between rows that lie `width` apart and are `n_cols` long.
fn compact<F: Copy>(rows: &mut [F], width: usize, n_cols: usize) -> &mut [F] {
    let n_rows = rows.len() / width;
    if width == n_cols {
        return rows;
    }
    for row in 1..n_rows {
        rows.copy_within(row * width..row * width + n_cols, row * n_cols);
    }
    &mut rows[..n_rows * n_cols]
}

/// The rows of a block, of those of the batch.
fn part<'r, F>(rows: RowSet<'r>, block: &Block<F>) -> RowSet<'r> {
    let (start, end) = (block.start, block.start + block.n_rows);
    match rows {
        RowSet::Range(first, _) => RowSet::Range(first + start, first + end),
        RowSet::List(list) => RowSet::List(&list[start..end]),
    }
}

impl<F: Float> Block<F> {
    /// Brings the features of its rows together.
    fn begin(&mut self, x: &Input<F>, rows: RowSet) {
        x.gather(rows, &mut self.gathered[..rows.len() * x.width()]);
    }

    /// The sums of a layer, which become what it says.
    fn sum(&mut self, network: &Network, packed: &Packed<F>, x: &Input<F>, rows: RowSet, layer: usize) {
        let shape = &network.shape;
        let (before, from) = self.outputs.split_at_mut(layer);
        let sums = &mut from[0][..self.n_rows * padded(shape.fan_out(layer))];
        match before.last() {
            None => x.forward(rows, &self.gathered[..rows.len() * x.width()], shape, packed.layer(0), sums),
            Some(outputs) => {
                let stride = padded(shape.fan_in(layer));
                dense_forward(outputs, self.n_rows, stride, shape, layer, packed.layer(layer), sums);
            }
        }
    }

    /// What a layer says, from its sums.
    fn activate(&mut self, network: &Network, normal: Option<&Normal<F>>, dropout: &Dropout, layer: usize) {
        let shape = &network.shape;
        let width = padded(shape.fan_out(layer));
        let len = self.n_rows * width;
        let (before, from) = self.outputs.split_at_mut(layer);
        let outputs = &mut from[0][..len];
        if let Some(normal) = normal {
            normal.apply(outputs, &mut self.normed[layer][..len]);
        }
        let (keeps, activation) = (network.keeps(layer), network.activation(layer));
        if keeps && activation.derivative_needs_input() {
            self.kept[layer][..len].copy_from_slice(outputs);
        }
        activation.apply(outputs, width, shape.fan_out(layer));
        if keeps && !activation.derivative_needs_input() {
            self.kept[layer][..len].copy_from_slice(outputs);
        }
        if let Some(factors) = self.factors[layer].get_mut(..len).filter(|_| network.dropout > 0.0) {
            dropout.fill(layer, self.start, width, factors);
            outputs.iter_mut().zip(factors).for_each(|(outputs, factor)| *outputs *= *factor);
        }
        if let (true, Some(before)) = (network.skips(layer), before.last()) {
            outputs.iter_mut().zip(before).for_each(|(outputs, before)| *outputs += *before);
        }
    }

    /// The loss, and the errors of the outputs.
    fn judge(&mut self, network: &Network, samples: &Samples<F>, rows: RowSet) {
        let n_outputs = network.shape.n_outputs();
        let width = padded(n_outputs);
        let last = network.shape.n_layers() - 1;
        let (outputs, errors) = (&self.outputs[last], &mut self.errors[last]);
        self.loss = 0.0;
        for (position, (outputs, errors)) in outputs.chunks_exact(width).zip(errors.chunks_exact_mut(width)).enumerate()
        {
            if position == rows.len() {
                break;
            }
            let row = rows.row(position);
            let targets = &samples.y[row * n_outputs..][..n_outputs];
            let weight = samples.weights.map_or(F::ONE, |weights| weights[row]);
            self.loss += network.loss.of(targets, &outputs[..n_outputs]) * weight.to_f64();
            network.loss.gradients(targets, &outputs[..n_outputs], weight, &mut errors[..n_outputs]);
        }
    }

    /// Errors of what a hidden layer said become errors of its sums, as they are after they were normalised. Those of
    /// what is added to it go to the layer before.
    fn pull_back(&mut self, network: &Network, layer: usize) {
        let width = padded(network.shape.fan_out(layer));
        let len = self.n_rows * width;
        let (before, from) = self.errors.split_at_mut(layer);
        let errors = &mut from[0][..len];
        if let (true, Some(before)) = (network.skips(layer), before.last_mut()) {
            before[..len].copy_from_slice(errors);
        }
        if let Some(factors) = self.factors[layer].get(..len).filter(|_| network.dropout > 0.0) {
            errors.iter_mut().zip(factors).for_each(|(error, factor)| *error *= *factor);
        }
        let kept = if network.keeps(layer) { &self.kept[layer] } else { &self.outputs[layer] };
        network.hidden.pull_back(&kept[..len], errors, width);
    }

    /// Errors of a layer's sums become errors of what the layer before said, and are packed.
    fn lower(&mut self, network: &Network, packed: &Packed<F>, layer: usize) {
        let shape = &network.shape;
        let width = padded(shape.fan_out(layer));
        let (before, from) = self.errors.split_at_mut(layer);
        let errors = &from[0][..self.n_rows * width];
        gemm::pack(errors, width, &mut self.panels[layer][..self.n_rows * width]);
        let Some(before) = before.last_mut() else { return };
        let left = gemm::Left {
            values: errors,
            n_rows: self.n_rows,
            depth: shape.fan_out(layer),
            row_stride: width,
            depth_stride: 1,
        };
        let before = &mut before[..self.n_rows * padded(shape.fan_in(layer))];
        let start = if network.skips(layer) { Start::Out } else { Start::Zero };
        gemm::multiply(&[(left, &packed.layer(layer).backward)], start, before);
    }
}
