//! What a network says of rows: the way forward only.

use super::batch::Network;
use super::input::{Input, dense_forward};
use super::packed::Packed;
use super::shape::Dense as Layer;
use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::RowSet;
use crate::linalg::gemm::{self, padded};

/// Rows that go through at a time: what they are on the way stays in the second cache.
const ROWS: usize = 96;
/// Rows that are not worth packing the parameters for.
const FEW: usize = 4;

/// The outputs, row-major of shape (n_rows, n_outputs), of a network that does not normalise (see
/// [`super::normalize::folded`]).
///
/// # Errors
/// [`crate::common::Error::Shape`]; [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn predictions<F: Float>(ctx: &Context, network: &Network, params: &[Layer<F>], x: &Input<F>) -> Result<Vec<F>> {
    let shape = &network.shape;
    shape.check(params)?;
    check_length("columns of X", x.n_cols(), shape.fan_in(0))?;
    if let (Input::Dense(rows), true) = (x, x.n_rows() <= FEW) {
        return predict_small(network, params, rows.values());
    }
    packed_predictions(ctx, network, &Packed::new(shape, params, false)?, x)
}

/// The same, with packed parameters.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn packed_predictions<F: Float>(
    ctx: &Context,
    network: &Network,
    packed: &Packed<F>,
    x: &Input<F>,
) -> Result<Vec<F>> {
    let shape = &network.shape;
    let n_outputs = shape.n_outputs();
    let mut out = memory::try_filled(memory::checked_len(x.n_rows(), n_outputs)?, F::ZERO)?;
    let blocks = Blocks::new(x.n_rows(), ROWS, usize::MAX);
    let widest = (0..shape.n_layers()).map(|layer| padded(shape.fan_out(layer))).max().unwrap_or(0);
    let buffers = || -> Result<(Vec<F>, [Vec<F>; 2])> {
        let side_by_side = memory::try_filled(memory::checked_len(blocks.rows(), x.width())?, F::ZERO)?;
        let layer = || memory::try_filled(memory::checked_len(blocks.rows(), widest)?, F::ZERO);
        Ok((side_by_side, [layer()?, layer()?]))
    };
    let jobs = blocks.ranges().zip(out.chunks_mut(blocks.rows() * n_outputs)).collect();
    parallel::map_with(ctx, jobs, buffers, |(side_by_side, [from, to]), (rows, out)| {
        let n_rows = rows.len();
        let rows = RowSet::from(rows);
        let side_by_side = &mut side_by_side[..n_rows * x.width()];
        x.gather(rows, side_by_side);
        for layer in 0..shape.n_layers() {
            let width = padded(shape.fan_out(layer));
            let sums = &mut to[..n_rows * width];
            if layer == 0 {
                x.forward(rows, side_by_side, shape, packed.layer(0), sums);
            } else {
                dense_forward(from, n_rows, padded(shape.fan_in(layer)), shape, layer, packed.layer(layer), sums);
            }
            network.activation(layer).apply(sums, width, shape.fan_out(layer));
            if network.skips(layer) {
                sums.iter_mut().zip(&*from).for_each(|(outputs, before)| *outputs += *before);
            }
            std::mem::swap(from, to);
        }
        for (out, outputs) in out.chunks_exact_mut(n_outputs).zip(from.chunks_exact(padded(n_outputs))) {
            out.copy_from_slice(&outputs[..n_outputs]);
        }
        Ok(())
    })?;
    Ok(out)
}

/// The same for a few rows, `values` row-major, with the parameters as they lie.
fn predict_small<F: Float>(network: &Network, params: &[Layer<F>], values: &[F]) -> Result<Vec<F>> {
    let shape = &network.shape;
    let n_rows = values.len() / shape.fan_in(0);
    let mut out = memory::try_with_capacity(memory::checked_len(n_rows, shape.n_outputs())?)?;
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for row in values.chunks_exact(shape.fan_in(0)) {
        for (layer, params) in params.iter().enumerate() {
            let fan_out = shape.fan_out(layer);
            to.clear();
            to.resize(fan_out, F::ZERO);
            let outputs = if layer == 0 { row } else { &from[..] };
            gemm::multiply_row(outputs, params.weights, params.intercepts, &mut to);
            network.activation(layer).apply(&mut to, fan_out, fan_out);
            if network.skips(layer) {
                to.iter_mut().zip(&from).for_each(|(outputs, before)| *outputs += *before);
            }
            std::mem::swap(&mut from, &mut to);
        }
        out.extend_from_slice(&from);
    }
    Ok(out)
}
