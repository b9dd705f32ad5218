//! How many units each layer has, and where its parameters lie in the flat buffer.
//!
//! First come the weights of all layers, each row-major of shape (fan_in, fan_out), then the intercepts of all layers:
//! scikit-learn's order. Where sums are normalised, the scales of all hidden layers follow, and after the parameters what
//! is known of the sums of all batches: their means, and their variances. The rows of a layer's weights are dealt with in blocks, which its width alone decides.

use std::ops::Range;

use crate::common::error::check_length;
use crate::common::{Error, Result, memory};
use crate::linalg::gemm::LANES;

/// Rows of weights in a block, at most: they and as many rows of a batch fit the second cache.
const MAX_ROWS: usize = 256;
/// Blocks that a layer is cut into, where it is large enough: what threads share.
const BLOCKS: usize = 4;

/// The layers of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    units: Vec<usize>,
    weights: Vec<Range<usize>>,
    intercepts: Vec<Range<usize>>,
    scales: Vec<Range<usize>>,
}

/// The parameters of one layer.
#[derive(Debug, Clone, Copy)]
pub struct Dense<'a, F> {
    /// Row-major of shape (fan_in, fan_out).
    pub weights: &'a [F],
    /// Shape (fan_out,).
    pub intercepts: &'a [F],
}

impl Shape {
    /// From the units of each layer, inputs and outputs among them.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if there are no two layers or one is empty; [`Error::OutOfMemory`].
    pub fn new(units: Vec<usize>) -> Result<Self> {
        if units.len() < 2 || units.contains(&0) {
            return Err(Error::InvalidArgument("a network has two layers at least, and no empty one"));
        }
        let mut end = 0_usize;
        let mut take = |len: usize| -> Result<Range<usize>> {
            let start = end;
            end = start.checked_add(len).ok_or(Error::OutOfMemory { bytes: usize::MAX })?;
            Ok(start..end)
        };
        let weights =
            units.windows(2).map(|pair| take(memory::checked_len(pair[0], pair[1])?)).collect::<Result<_>>()?;
        let intercepts = units[1..].iter().map(|&fan_out| take(fan_out)).collect::<Result<_>>()?;
        Ok(Self { units, weights, intercepts, scales: Vec::new() })
    }

    /// The same layers, the sums of the hidden ones normalised.
    pub fn normalized(mut self) -> Self {
        let mut end = self.n_params();
        let hidden = &self.units[1..=self.n_hidden()];
        self.scales = hidden
            .iter()
            .map(|&len| {
                end += len;
                end - len..end
            })
            .collect();
        self
    }

    /// The same layers, nothing normalised.
    pub fn plain(&self) -> Self {
        Self { scales: Vec::new(), ..self.clone() }
    }

    /// Whether the sums of hidden layers are normalised.
    pub fn normalizes(&self) -> bool {
        !self.scales.is_empty()
    }

    /// Layers but for the outputs.
    pub fn n_hidden(&self) -> usize {
        self.units.len() - 2
    }

    /// Whether the sums of a layer are normalised.
    pub fn is_normalized(&self, layer: usize) -> bool {
        layer < self.scales.len()
    }

    /// Where the scales of a normalised layer lie.
    pub fn scales(&self, layer: usize) -> Range<usize> {
        self.scales[layer].clone()
    }

    /// Where the running means, and the running variances, of a normalised layer's sums lie.
    pub fn running(&self, layer: usize) -> [Range<usize>; 2] {
        let Range { start, end } = self.scales(layer);
        let all = self.n_scales();
        [start + all..end + all, start + 2 * all..end + 2 * all]
    }

    fn n_scales(&self) -> usize {
        self.scales.iter().map(ExactSizeIterator::len).sum()
    }

    /// Parameters and running means and variances.
    pub fn n_values(&self) -> usize {
        self.n_params() + 2 * self.n_scales()
    }

    /// Layers that have weights.
    pub fn n_layers(&self) -> usize {
        self.weights.len()
    }

    /// Inputs of layer `layer`.
    pub fn fan_in(&self, layer: usize) -> usize {
        self.units[layer]
    }

    /// Outputs of layer `layer`.
    pub fn fan_out(&self, layer: usize) -> usize {
        self.units[layer + 1]
    }

    /// Outputs of the network.
    pub fn n_outputs(&self) -> usize {
        self.fan_out(self.n_layers() - 1)
    }

    /// Where the weights of a layer lie.
    pub fn weights(&self, layer: usize) -> Range<usize> {
        self.weights[layer].clone()
    }

    /// Where the intercepts of a layer lie.
    pub fn intercepts(&self, layer: usize) -> Range<usize> {
        self.intercepts[layer].clone()
    }

    /// All parameters.
    pub fn n_params(&self) -> usize {
        self.scales.last().or(self.intercepts.last()).map_or(0, |range| range.end)
    }

    /// All weights: the parameters that are penalised.
    pub fn n_weights(&self) -> usize {
        self.weights.last().map_or(0, |range| range.end)
    }

    /// All intercepts.
    pub fn n_intercepts(&self) -> usize {
        self.intercepts.iter().map(ExactSizeIterator::len).sum()
    }

    /// Rows in a block of a layer's weights (the last may have fewer): whole panels of the transposed weights.
    pub fn block_rows(&self, layer: usize) -> usize {
        self.fan_in(layer).div_ceil(BLOCKS).next_multiple_of(LANES).min(MAX_ROWS)
    }

    /// The blocks of a layer's rows, in order.
    pub fn blocks(&self, layer: usize) -> impl Iterator<Item = Range<usize>> {
        let (fan_in, rows) = (self.fan_in(layer), self.block_rows(layer));
        (0..fan_in).step_by(rows).map(move |start| start..(start + rows).min(fan_in))
    }

    /// Multiply-adds of a row's way forward.
    pub fn work(&self) -> usize {
        self.n_weights()
    }

    /// The weights and the intercepts of each layer in the flat buffer, of shape (n_values,).
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is a value for each parameter.
    pub fn layers<'a, F>(&self, params: &'a [F]) -> Result<Vec<Dense<'a, F>>> {
        check_length("parameters", params.len(), self.n_values())?;
        let layer = |(weights, intercepts): (&Range<usize>, &Range<usize>)| Dense {
            weights: &params[weights.clone()],
            intercepts: &params[intercepts.clone()],
        };
        Ok(self.weights.iter().zip(&self.intercepts).map(layer).collect())
    }

    /// # Errors
    /// [`Error::Shape`] unless `layers` have the shapes of this network's.
    pub fn check<F>(&self, layers: &[Dense<F>]) -> Result<()> {
        check_length("layers", layers.len(), self.n_layers())?;
        for (index, layer) in layers.iter().enumerate() {
            check_length("weights of a layer", layer.weights.len(), self.weights[index].len())?;
            check_length("intercepts of a layer", layer.intercepts.len(), self.fan_out(index))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_lie_one_behind_the_other() {
        let shape = Shape::new(vec![3, 4, 2]).unwrap();
        assert_eq!((shape.n_layers(), shape.n_outputs(), shape.n_params()), (2, 2, 26));
        assert_eq!((shape.weights(0), shape.weights(1)), (0..12, 12..20));
        assert_eq!((shape.intercepts(0), shape.intercepts(1)), (20..24, 24..26));
        assert_eq!((shape.normalizes(), shape.n_values()), (false, 26));
        let shape = Shape::new(vec![3, 4, 5, 2]).unwrap().normalized();
        assert_eq!((shape.n_params(), shape.n_values()), (53 + 9, 53 + 9 + 18));
        assert_eq!((shape.scales(0), shape.scales(1)), (53..57, 57..62));
        assert_eq!(shape.running(0), [62..66, 71..75]);
        assert_eq!(shape.running(1), [66..71, 75..80]);
        assert!(shape.is_normalized(1) && !shape.is_normalized(2));
    }

    #[test]
    fn blocks_cover_the_rows_and_begin_at_panels() {
        for fan_in in [1, 15, 16, 17, 100, 784, 5000] {
            let shape = Shape::new(vec![fan_in, 1]).unwrap();
            let blocks: Vec<_> = shape.blocks(0).collect();
            assert_eq!(blocks.iter().map(ExactSizeIterator::len).sum::<usize>(), fan_in);
            assert!(blocks.iter().all(|block| block.start % LANES == 0 && block.len() <= MAX_ROWS));
        }
    }

    #[test]
    fn empty_layers_are_refused() {
        for units in [vec![], vec![3], vec![3, 0, 1]] {
            assert!(matches!(Shape::new(units), Err(Error::InvalidArgument(_))));
        }
        assert!(matches!(Shape::new(vec![usize::MAX, 2]), Err(Error::OutOfMemory { .. })));
    }
}
