//! Sums of a layer, normalised over a batch: less their mean, in units of their deviation, times a scale, plus the
//! intercept.
//!
//! With `x` the sums of a unit over the `n` rows of a batch, `u = (x - mean) / sqrt(variance + epsilon)` and
//! `y = scale * u + intercept`, errors `e` of `y` become errors `scale / deviation * (e - mean(e) - u * mean(e * u))` of
//! `x`. Blocks of rows hand in moments, which are merged in block order; so no bit depends on threads. Rows count alike,
//! whatever they weigh.
//!
//! Later rows are normalised by the means and variances that batches had on the way: [`keep`] remembers them, [`folded`]
//! turns a network into one without normalisation that says the same.
//!
//! References: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal
//! covariate shift", 2015; T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample variance", 1983.

use super::shape::Shape;
use crate::common::simd::{Loops, compiled};
use crate::common::{Float, Result, memory};
use crate::linalg::gemm::padded;

/// Added to variances.
const EPSILON: f64 = 1e-5;
/// What the newest batch counts in what is remembered, from the tenth on; before, all batches count alike.
const FRACTION: f64 = 0.1;

/// Two sums of each unit over the rows of a block, shape (width,) each: first and second moments, or sums of errors `e`
/// and of `e * u`.
#[derive(Debug, Default)]
pub struct Moments {
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Moments {
    /// For layers of up to `width` units.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(width: usize) -> Result<Self> {
        Ok(Self { first: memory::try_filled(width, 0.0)?, second: memory::try_filled(width, 0.0)? })
    }

    /// Means of `rows`, of shape (n_rows, width), and sums of squared distances from them.
    pub fn measure<F: Float>(&mut self, rows: &[F], width: usize) {
        let (first, second) = (&mut self.first[..width], &mut self.second[..width]);
        compiled(Measure { rows, first, second });
    }

    /// Sums of `errors` and of their products with `normed`, both of shape (n_rows, width).
    pub fn sum<F: Float>(&mut self, errors: &[F], normed: &[F], width: usize) {
        let (first, second) = (&mut self.first[..width], &mut self.second[..width]);
        compiled(Sum { errors, normed, first, second });
    }
}

struct Measure<'a, F> {
    rows: &'a [F],
    first: &'a mut [f64],
    second: &'a mut [f64],
}

impl<F: Float> Loops for Measure<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { rows, first, second } = self;
        let width = first.len();
        first.fill(0.0);
        second.fill(0.0);
        for row in rows.chunks_exact(width) {
            first.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.to_f64());
        }
        let n_rows = (rows.len() / width) as f64;
        first.iter_mut().for_each(|sum| *sum /= n_rows);
        for row in rows.chunks_exact(width) {
            for ((sum, mean), x) in second.iter_mut().zip(&*first).zip(row) {
                let distance = x.to_f64() - *mean;
                *sum += distance * distance;
            }
        }
    }
}

struct Sum<'a, F> {
    errors: &'a [F],
    normed: &'a [F],
    first: &'a mut [f64],
    second: &'a mut [f64],
}

impl<F: Float> Loops for Sum<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { errors, normed, first, second } = self;
        let width = first.len();
        first.fill(0.0);
        second.fill(0.0);
        for (errors, normed) in errors.chunks_exact(width).zip(normed.chunks_exact(width)) {
            for (((first, second), error), u) in first.iter_mut().zip(&mut *second).zip(errors).zip(normed) {
                *first += error.to_f64();
                *second += error.to_f64() * u.to_f64();
            }
        }
    }
}

/// The normalisation of one layer's sums in one batch; all of shape (padded(fan_out),).
#[derive(Debug)]
pub struct Normal<F> {
    n_rows: usize,
    mean: Vec<f64>,
    /// Sums of squared distances from the means.
    squares: Vec<f64>,
    centre: Vec<F>,
    inverse: Vec<F>,
    scale: Vec<F>,
    shift: Vec<F>,
    /// Sums of `e` and of `e * u` over the batch.
    sums: [Vec<f64>; 2],
    /// The same, rounded: the gradients of the intercepts and of the scales.
    gradients: [Vec<F>; 2],
    /// Their means.
    errors: [Vec<F>; 2],
}

impl<F: Float> Normal<F> {
    /// For a layer of `fan_out` units.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(fan_out: usize) -> Result<Self> {
        let width = padded(fan_out);
        let (wide, zeros) = (|| memory::try_filled(width, 0.0), || memory::try_filled(width, F::ZERO));
        Ok(Self {
            n_rows: 0,
            mean: wide()?,
            squares: wide()?,
            centre: zeros()?,
            inverse: zeros()?,
            scale: zeros()?,
            shift: zeros()?,
            sums: [wide()?, wide()?],
            gradients: [zeros()?, zeros()?],
            errors: [zeros()?, zeros()?],
        })
    }

    /// Merges the moments of blocks of so many rows, in order; `scales` and `intercepts` of shape (fan_out,).
    pub fn merge<'m>(&mut self, blocks: impl Iterator<Item = (usize, &'m Moments)>, scales: &[F], intercepts: &[F]) {
        self.n_rows = 0;
        for (n_rows, moments) in blocks {
            let total = (self.n_rows + n_rows) as f64;
            let (fraction, both) = (n_rows as f64 / total, self.n_rows as f64 * n_rows as f64 / total);
            let is_first = self.n_rows == 0;
            let sums = self.mean.iter_mut().zip(&mut self.squares);
            for ((mean, squares), (&first, &second)) in sums.zip(moments.first.iter().zip(&moments.second)) {
                if is_first {
                    (*mean, *squares) = (first, second);
                } else {
                    let distance = first - *mean;
                    *mean += distance * fraction;
                    *squares += second + distance * distance * both;
                }
            }
            self.n_rows += n_rows;
        }
        let n_rows = self.n_rows as f64;
        for ((centre, inverse), (&mean, &squares)) in
            self.centre.iter_mut().zip(&mut self.inverse).zip(self.mean.iter().zip(&self.squares))
        {
            *centre = F::from_f64(mean);
            *inverse = F::from_f64(1.0 / (squares / n_rows + EPSILON).sqrt());
        }
        self.scale[..scales.len()].copy_from_slice(scales);
        self.shift[..intercepts.len()].copy_from_slice(intercepts);
    }

    /// Normalises `rows`, of shape (n_rows, padded(fan_out)), and keeps them as they are before scales and intercepts.
    pub fn apply(&self, rows: &mut [F], normed: &mut [F]) {
        compiled(Apply { normal: self, rows, normed });
    }

    /// Merges sums of errors, block by block.
    pub fn merge_errors<'m>(&mut self, blocks: impl Iterator<Item = &'m Moments>) {
        self.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        for block in blocks {
            for (sums, parts) in self.sums.iter_mut().zip([&block.first, &block.second]) {
                sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            }
        }
        let n_rows = self.n_rows as f64;
        for ((sums, gradients), means) in self.sums.iter().zip(&mut self.gradients).zip(&mut self.errors) {
            for ((&sum, gradient), mean) in sums.iter().zip(gradients).zip(means) {
                (*gradient, *mean) = (F::from_f64(sum), F::from_f64(sum / n_rows));
            }
        }
    }

    /// Turns errors of the normalised sums into errors of the sums; both of shape (n_rows, padded(fan_out)).
    pub fn pull_back(&self, normed: &[F], errors: &mut [F]) {
        compiled(PullBack { normal: self, normed, errors });
    }

    /// The gradients of the intercepts and of the scales, padded.
    pub fn gradients(&self) -> &[Vec<F>; 2] {
        &self.gradients
    }
}

struct Apply<'a, F> {
    normal: &'a Normal<F>,
    rows: &'a mut [F],
    normed: &'a mut [F],
}

impl<F: Float> Loops for Apply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Normal { centre, inverse, scale, shift, .. } = self.normal;
        let width = centre.len();
        for (row, normed) in self.rows.chunks_exact_mut(width).zip(self.normed.chunks_exact_mut(width)) {
            let units = centre.iter().zip(inverse).zip(scale.iter().zip(shift));
            for ((x, u), ((&centre, &inverse), (&scale, &shift))) in row.iter_mut().zip(normed).zip(units) {
                *u = (*x - centre) * inverse;
                *x = scale * *u + shift;
            }
        }
    }
}

struct PullBack<'a, F> {
    normal: &'a Normal<F>,
    normed: &'a [F],
    errors: &'a mut [F],
}

impl<F: Float> Loops for PullBack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Normal { inverse, scale, errors: [mean, product], .. } = self.normal;
        let width = inverse.len();
        for (errors, normed) in self.errors.chunks_exact_mut(width).zip(self.normed.chunks_exact(width)) {
            let units = inverse.iter().zip(scale).zip(mean.iter().zip(product));
            for ((error, &u), ((&inverse, &scale), (&mean, &product))) in errors.iter_mut().zip(normed).zip(units) {
                *error = scale * inverse * (*error - mean - u * product);
            }
        }
    }
}

/// The batch of step number `step`, from 1: what it was like is remembered in `values`, of shape (n_values,).
///
/// A batch of one row has no variance, and is forgotten.
pub fn keep<F: Float>(shape: &Shape, normals: &[Normal<F>], step: u64, values: &mut [F]) {
    let fraction = FRACTION.max(1.0 / step as f64);
    for (layer, normal) in normals.iter().enumerate().filter(|(_, normal)| normal.n_rows > 1) {
        let rest = (normal.n_rows - 1) as f64;
        let [means, variances] = shape.running(layer);
        for (kept, &mean) in values[means].iter_mut().zip(&normal.mean) {
            *kept = F::from_f64((1.0 - fraction) * kept.to_f64() + fraction * mean);
        }
        for (kept, &squares) in values[variances].iter_mut().zip(&normal.squares) {
            *kept = F::from_f64((1.0 - fraction) * kept.to_f64() + fraction * squares / rest);
        }
    }
}

/// The parameters, as [`Shape`] lays them out without normalisation, of a network that says the same of rows; both
/// `values`, of shape (n_values,), and `out` are flat.
pub fn folded<F: Float>(shape: &Shape, values: &[F], out: &mut [F]) {
    out.copy_from_slice(&values[..out.len()]);
    for layer in 0..shape.n_hidden() {
        let [means, variances] = shape.running(layer);
        let (fan_out, first, start) = (shape.fan_out(layer), shape.weights(layer), shape.intercepts(layer).start);
        let units = values[shape.scales(layer)].iter().zip(&values[means]).zip(&values[variances]);
        for (unit, ((&scale, &mean), &variance)) in units.enumerate() {
            let factor = scale.to_f64() / (variance.to_f64() + EPSILON).sqrt();
            let intercept = values[start + unit].to_f64() - mean.to_f64() * factor;
            out[start + unit] = F::from_f64(intercept);
            let factor = F::from_f64(factor);
            out[first.clone()].iter_mut().skip(unit).step_by(fan_out).for_each(|weight| *weight *= factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    const N: usize = 37;

    fn noise(random: &mut Mt19937, len: usize) -> Vec<f64> {
        (0..len).map(|_| random.next_f64() * 3.0 - 1.0).collect()
    }

    fn merged(rows: &[f64], cut: usize, scales: &[f64], intercepts: &[f64]) -> Normal<f64> {
        let mut normal = Normal::new(5).unwrap();
        let parts: Vec<(usize, Moments)> = rows
            .chunks(cut * 16)
            .map(|rows| {
                let mut moments = Moments::new(16).unwrap();
                moments.measure(rows, 16);
                (rows.len() / 16, moments)
            })
            .collect();
        normal.merge(parts.iter().map(|(n_rows, moments)| (*n_rows, moments)), scales, intercepts);
        normal
    }

    #[test]
    fn normalised_sums_have_no_mean_and_unit_variance_however_they_are_cut() {
        let mut random = Mt19937::seeded(1);
        let rows = noise(&mut random, N * 16);
        let (scales, intercepts) = ([1.0, 2.0, 0.5, -1.0, 0.0], [0.0, 1.0, -1.0, 3.0, 5.0]);
        let outcomes = [N, 12, 5].map(|cut| {
            let normal = merged(&rows, cut, &scales, &intercepts);
            let (mut outputs, mut normed) = (rows.clone(), vec![0.0; N * 16]);
            normal.apply(&mut outputs, &mut normed);
            for unit in 0..5 {
                let of = |values: &[f64]| -> Vec<f64> { values.iter().skip(unit).step_by(16).copied().collect() };
                let (u, y) = (of(&normed), of(&outputs));
                let mean = u.iter().sum::<f64>() / N as f64;
                let variance = u.iter().map(|u| u * u).sum::<f64>() / N as f64;
                assert!(mean.abs() < 1e-14 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
                assert!(u.iter().zip(&y).all(|(u, y)| (scales[unit] * u + intercepts[unit] - y).abs() < 1e-14));
            }
            outputs
        });
        for other in &outcomes[1..] {
            assert!(outcomes[0].iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-13));
        }
    }

    #[test]
    fn constant_sums_are_their_intercepts() {
        let rows: Vec<f64> = (0..N * 16).map(|at| (at % 16) as f64 * 1e4).collect();
        let normal = merged(&rows, 12, &[2.0; 5], &[0.25; 5]);
        let (mut outputs, mut normed) = (rows, vec![0.0; N * 16]);
        normal.apply(&mut outputs, &mut normed);
        assert!(outputs.chunks(16).all(|row| row[..5].iter().all(|y| (y - 0.25).abs() < 1e-6)));
    }

    #[test]
    fn folded_networks_predict_the_same() {
        let shape = Shape::new(vec![3, 4, 2]).unwrap().normalized();
        let plain = Shape::new(vec![3, 4, 2]).unwrap();
        let mut random = Mt19937::seeded(2);
        let mut values = noise(&mut random, shape.n_values());
        values[shape.running(0)[1].clone()].iter_mut().for_each(|variance| *variance = variance.abs());
        let mut out = vec![0.0; plain.n_params()];
        folded(&shape, &values, &mut out);
        let x = [0.3, -0.7, 1.1];
        for unit in 0..4 {
            let sum = |params: &[f64]| -> f64 { (0..3).map(|k| x[k] * params[k * 4 + unit]).sum() };
            let [means, variances] = shape.running(0).map(|range| values[range][unit]);
            let expected = (sum(&values) - means) / (variances + EPSILON).sqrt() * values[shape.scales(0)][unit]
                + values[shape.intercepts(0)][unit];
            let found = sum(&out) + out[plain.intercepts(0)][unit];
            assert!((found - expected).abs() < 1e-13, "{unit} {found} {expected}");
        }
        assert_eq!(out[plain.weights(1)], values[shape.weights(1)]);
    }

    #[test]
    fn the_first_batch_counts_alone_and_a_row_not_at_all() {
        let shape = Shape::new(vec![1, 5, 1]).unwrap().normalized();
        let rows = noise(&mut Mt19937::seeded(3), N * 16);
        let normal = merged(&rows, 12, &[1.0; 5], &[0.0; 5]);
        let [means, variances] = shape.running(0);
        let mut values = vec![7.0; shape.n_values()];
        let normals = [normal];
        keep(&shape, &normals, 1, &mut values);
        assert_eq!(values[means.clone()], normals[0].mean[..5]);
        let unbiased = normals[0].squares[0] / (N - 1) as f64;
        assert_eq!(values[variances.start], unbiased);
        let before = values.clone();
        keep(&shape, &[merged(&rows[..16], 1, &[1.0; 5], &[0.0; 5])], 2, &mut values);
        assert_eq!(values, before);
        keep(&shape, &normals, 1000, &mut values);
        assert!((values[variances.start] - unbiased).abs() < 1e-15);
    }
}
