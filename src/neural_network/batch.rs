//! One batch through a network: forward, errors backward, the gradient.
//!
//! Two passes, each shared out in parts that the shapes alone decide. First, blocks of rows go all the way forward and
//! their errors all the way back, while what they hold is warm. Then, blocks of weights are multiplied together: the
//! gradient of each is a sum over all rows, in order. Each part writes to memory of its own; no bit depends on threads.
//!
//! Reference: D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating errors", 1986.

use super::activation::Activation;
use super::input::{Input, dense_forward, transposed};
use super::loss::Loss;
use super::packed::Packed;
use super::shape::Shape;
use crate::common::{Context, Float, Result, memory, pairwise, parallel};
use crate::linalg::RowSet;
use crate::linalg::gemm::{self, Start, padded};

/// Multiply-adds of a batch below which it is not cut: handing it out would take longer.
const LEAST_WORK: usize = 1 << 18;
/// Parts of a larger batch.
const BLOCKS: usize = 4;
/// Rows of a part are whole tiles of the products.
const TILE_ROWS: usize = 12;

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
    n_rows: usize,
    /// The features, side by side; empty if they are sparse.
    gathered: Vec<F>,
    /// What each layer says, (rows, padded(fan_out)).
    said: Vec<Vec<F>>,
    /// The errors of each layer's sums, (rows, padded(fan_out)).
    errors: Vec<Vec<F>>,
    /// The same, packed.
    panels: Vec<Vec<F>>,
    loss: f64,
}

/// The buffers of batches of up to a number of rows.
#[derive(Debug)]
pub struct Workspace<F> {
    blocks: Vec<Block<F>>,
    /// The products of each part of the weights, one behind the other.
    products: Vec<Vec<F>>,
}

/// Rows of a part of a batch of `n_rows`.
fn block_rows(shape: &Shape, n_rows: usize) -> usize {
    if n_rows.saturating_mul(shape.work()) < LEAST_WORK {
        return n_rows.max(1);
    }
    n_rows.div_ceil(BLOCKS).next_multiple_of(TILE_ROWS)
}

impl<F: Float> Workspace<F> {
    /// For batches of at most `n_rows` rows.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(network: &Network, x: &Input<F>, n_rows: usize) -> Result<Self> {
        let shape = &network.shape;
        // A smaller batch may be below the limit where a larger one is cut: its one block must fit too.
        let uncut = (LEAST_WORK / shape.work().max(1)).min(n_rows);
        let size = block_rows(shape, n_rows);
        let rows = size.max(uncut);
        let mut blocks = memory::with_capacity(BLOCKS)?;
        for _ in 0..if size < n_rows { BLOCKS } else { 1 } {
            let layers = || -> Result<Vec<Vec<F>>> {
                let area = |layer| memory::filled(memory::area(rows, padded(shape.fan_out(layer)))?, F::ZERO);
                (0..shape.n_layers()).map(area).collect()
            };
            let gathered = memory::filled(memory::area(rows, x.width())?, F::ZERO)?;
            blocks.push(Block {
                n_rows: 0,
                gathered,
                said: layers()?,
                errors: layers()?,
                panels: layers()?,
                loss: 0.0,
            });
        }
        let product = |layer| memory::filled(memory::area(shape.fan_in(layer), padded(shape.fan_out(layer)))?, F::ZERO);
        let products = (0..shape.n_layers()).map(product).collect::<Result<_>>()?;
        Ok(Self { blocks, products })
    }

    /// The first pass: sums the losses of the rows (times their weights) and keeps their errors for [`Self::gradient`].
    ///
    /// # Errors
    /// [`crate::common::Error::Interrupted`].
    pub fn pass(
        &mut self,
        ctx: &Context,
        network: &Network,
        packed: &Packed<F>,
        samples: &Samples<F>,
        rows: RowSet,
    ) -> Result<f64> {
        let size = block_rows(&network.shape, rows.len());
        let starts = (0..rows.len()).step_by(size);
        let jobs: Vec<_> = starts.map(|start| part(rows, start, size)).zip(&mut self.blocks).collect();
        parallel::map(ctx, jobs, |(rows, block)| {
            block.forward(network, packed, &samples.x, rows);
            block.judge(network, samples, rows);
            block.backward(network, packed);
            Ok(())
        })?;
        Ok(self.blocks[..rows.len().div_ceil(size)].iter().map(|block| block.loss).sum())
    }

    /// The second pass: hands each part of the parameters and the sum over rows of its gradient to `take`.
    ///
    /// `parts` are the parts of each layer's weights in order (as [`Shape::blocks`] cuts them), and its intercepts.
    /// `take(part, gradient, is_weights)` gets row-major gradients, on any thread; what it returns is added up in order.
    ///
    /// # Errors
    /// [`crate::common::Error::Interrupted`].
    pub fn gradient<P: Send>(
        &mut self,
        ctx: &Context,
        network: &Network,
        x: &Input<F>,
        rows: RowSet,
        parts: Vec<(Vec<P>, P)>,
        take: impl Fn(P, &mut [F], bool) -> f64 + Sync,
    ) -> Result<f64> {
        let shape = &network.shape;
        let size = block_rows(shape, rows.len());
        let count = rows.len().div_ceil(size);
        let blocks = &self.blocks[..count];
        let mut jobs = Vec::new();
        for (layer, ((weights, intercepts), products)) in parts.into_iter().zip(&mut self.products).enumerate() {
            let mut intercepts = Some(intercepts);
            let width = padded(shape.fan_out(layer));
            let products = products.chunks_mut(shape.block_rows(layer) * width);
            for ((block, part), products) in shape.blocks(layer).zip(weights).zip(products) {
                jobs.push((layer, block, part, intercepts.take(), products));
            }
        }
        let ctx = if rows.len().saturating_mul(shape.work()) < LEAST_WORK { &ctx.alone() } else { ctx };
        let found = parallel::map(ctx, jobs, |(layer, columns, part, intercepts, products)| {
            let (fan_out, width) = (shape.fan_out(layer), padded(shape.fan_out(layer)));
            products.fill(F::ZERO);
            for (index, block) in blocks.iter().enumerate() {
                let (errors, panels) = (&block.errors[layer], &block.panels[layer][..block.n_rows * width]);
                if layer == 0 {
                    let rows = self::part(rows, index * size, size);
                    x.add_products(rows, &block.gathered, columns.clone(), errors, panels, products);
                } else {
                    let left =
                        transposed(&block.said[layer - 1], block.n_rows, padded(shape.fan_in(layer)), columns.clone());
                    gemm::multiply(left, panels, Start::Out, products);
                }
            }
            let mut found = take(part, compact(products, width, fan_out), true);
            if let Some(intercepts) = intercepts {
                let sums = &mut products[..width];
                sums.fill(F::ZERO);
                for block in blocks {
                    for errors in block.errors[layer].chunks_exact(width).take(block.n_rows) {
                        sums.iter_mut().zip(errors).for_each(|(sum, &error)| *sum += error);
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
    for row in 1..n_rows {
        rows.copy_within(row * width..row * width + n_cols, row * n_cols);
    }
    &mut rows[..n_rows * n_cols]
}

fn part(rows: RowSet, start: usize, size: usize) -> RowSet {
    let end = (start + size).min(rows.len());
    match rows {
        RowSet::Range(first, _) => RowSet::Range(first + start, first + end),
        RowSet::List(list) => RowSet::List(&list[start..end]),
    }
}

impl<F: Float> Block<F> {
    fn forward(&mut self, network: &Network, packed: &Packed<F>, x: &Input<F>, rows: RowSet) {
        let shape = &network.shape;
        self.n_rows = rows.len();
        let gathered = &mut self.gathered[..rows.len() * x.width()];
        x.gather(rows, gathered);
        for layer in 0..shape.n_layers() {
            let (before, from) = self.said.split_at_mut(layer);
            let width = padded(shape.fan_out(layer));
            let sums = &mut from[0][..rows.len() * width];
            match before.last() {
                None => x.forward(rows, gathered, shape, packed.layer(0), sums),
                Some(said) => {
                    let stride = padded(shape.fan_in(layer));
                    dense_forward(said, rows.len(), stride, shape, layer, packed.layer(layer), sums);
                }
            }
            let activation = if layer + 1 == shape.n_layers() { network.output } else { network.hidden };
            activation.apply(sums, width, shape.fan_out(layer));
        }
    }

    /// The loss, and the errors of the outputs.
    fn judge(&mut self, network: &Network, samples: &Samples<F>, rows: RowSet) {
        let n_outputs = network.shape.n_outputs();
        let width = padded(n_outputs);
        let last = network.shape.n_layers() - 1;
        let (said, errors) = (&self.said[last], &mut self.errors[last]);
        self.loss = 0.0;
        for (position, (said, errors)) in said.chunks_exact(width).zip(errors.chunks_exact_mut(width)).enumerate() {
            if position == rows.len() {
                break;
            }
            let row = rows.row(position);
            let targets = &samples.y[row * n_outputs..][..n_outputs];
            let weight = samples.weights.map_or(F::ONE, |weights| weights[row]);
            self.loss += network.loss.of(targets, &said[..n_outputs]) * weight.to_f64();
            for ((error, &said), &target) in errors.iter_mut().zip(said).zip(targets) {
                *error = (said - target) * weight;
            }
        }
    }

    fn backward(&mut self, network: &Network, packed: &Packed<F>) {
        let shape = &network.shape;
        for layer in (0..shape.n_layers()).rev() {
            let width = padded(shape.fan_out(layer));
            let (before, from) = self.errors.split_at_mut(layer);
            let errors = &from[0][..self.n_rows * width];
            gemm::pack(errors, width, &mut self.panels[layer][..self.n_rows * width]);
            let Some(before) = before.last_mut() else { return };
            let below = padded(shape.fan_in(layer));
            let left = gemm::Left {
                values: errors,
                n_rows: self.n_rows,
                depth: shape.fan_out(layer),
                row_stride: width,
                depth_stride: 1,
            };
            let before = &mut before[..self.n_rows * below];
            gemm::multiply(left, &packed.layer(layer).backward, Start::Zero, before);
            network.hidden.pull_back(&self.said[layer - 1][..self.n_rows * below], before);
        }
    }
}
