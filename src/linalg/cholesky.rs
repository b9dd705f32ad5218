//! The Cholesky factor of a matrix of products, and how far it can be trusted.
//!
//! `G = RᵀR` is found in bands of rows: a band is finished row by row, then its products are taken off what lies below
//! in one go ([`super::syrk`]). Columns to the right of the square ride along, so that `RᵀZ = XᵀY` is solved by the same
//! steps. The norm of the inverse is estimated by a few solutions (W. Hager, "Condition estimates", 1984; N. Higham,
//! "FORTRAN codes for estimating the one-norm", 1988).

use super::syrk::{OCTET, Panel8, add_products};
use crate::common::{Context, Result, memory};

/// Rows of a band.
const BAND: usize = 64;
/// Steps of the estimate; it hardly ever takes more than two.
const MAX_STEPS: usize = 5;

/// Replaces the upper triangle of the square `a[i * stride + j]`, `i, j < n`, by its factor `R`, and the columns
/// `n..n_cols` by `R⁻ᵀ` times them. Returns false, with `a` spoilt, once a pivot is not above `least`.
///
/// `a` has whole panels of rows of `stride` scalars; `stride` is at least `n_cols` in whole panels.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn factorize(ctx: &Context, a: &mut [f64], stride: usize, n: usize, n_cols: usize, least: f64) -> Result<bool> {
    let mut band = Panel8::new(n_cols)?;
    let mut products = Vec::new();
    for start in (0..n).step_by(BAND) {
        ctx.check()?;
        let end = (start + BAND).min(n);
        for row in start..end {
            let (above, below) = a.split_at_mut((row + 1) * stride);
            let pivots = &mut above[row * stride..];
            let pivot = pivots[row];
            if pivot.is_nan() || pivot <= least {
                return Ok(false);
            }
            let root = pivot.sqrt();
            pivots[row..n_cols].iter_mut().for_each(|value| *value /= root);
            for (later, target) in (row + 1..end).zip(below.chunks_exact_mut(stride)) {
                let factor = pivots[later];
                let pairs = target[later..n_cols].iter_mut().zip(&pivots[later..n_cols]);
                pairs.for_each(|(value, pivot)| *value -= factor * pivot);
            }
        }
        if end < n {
            take_off(a, stride, start..end, n, n_cols, &mut band, &mut products)?;
        }
    }
    Ok(true)
}

/// Takes the products of the columns of a finished band off the rows below it.
fn take_off(
    a: &mut [f64],
    stride: usize,
    rows: std::ops::Range<usize>,
    n: usize,
    n_cols: usize,
    band: &mut Panel8,
    products: &mut Vec<f64>,
) -> Result<()> {
    let (first, width) = (rows.end, n_cols - rows.end);
    band.reset(rows.len(), width);
    for (position, row) in rows.enumerate() {
        let values = &a[row * stride + first..][..width];
        for (octet, values) in values.chunks(OCTET).enumerate() {
            band.octet(octet, position)[..values.len()].copy_from_slice(values);
        }
    }
    let wide = band.stride();
    let height = (n - first).next_multiple_of(OCTET);
    if products.is_empty() {
        *products = memory::try_filled(memory::checked_len(height, wide)?, 0.0)?;
    }
    let products = &mut products[..height * wide];
    products.fill(0.0);
    add_products::<f64>(band, n - first, products, wide, &[]);
    for (row, products) in (first..n).zip(products.chunks_exact(wide)) {
        let offset = row - first;
        let target = &mut a[row * stride + row..row * stride + n_cols];
        target.iter_mut().zip(&products[offset..]).for_each(|(value, product)| *value -= product);
    }
    Ok(())
}

/// Solves `R w = z` for the upper triangle `r[i * stride + j]`, `i, j < z.len()`, in place.
pub fn solve_upper(r: &[f64], stride: usize, z: &mut [f64]) {
    for row in (0..z.len()).rev() {
        let line = &r[row * stride..][..z.len()];
        let known: f64 = line[row + 1..].iter().zip(&z[row + 1..]).map(|(factor, value)| factor * value).sum();
        z[row] = (z[row] - known) / line[row];
    }
}

/// Solves `Rᵀ z = g`, with `R` as for [`solve_upper`], in place.
pub fn solve_transposed(r: &[f64], stride: usize, g: &mut [f64]) {
    for row in 0..g.len() {
        let line = &r[row * stride..][..g.len()];
        g[row] /= line[row];
        let (solved, rest) = g.split_at_mut(row + 1);
        rest.iter_mut().zip(&line[row + 1..]).for_each(|(value, factor)| *value -= factor * solved[row]);
    }
}

/// An estimate from below of the largest column sum of the magnitudes of `(RᵀR)⁻¹`; hardly ever less than a third of it.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn inverse_norm(ctx: &Context, r: &[f64], stride: usize, n: usize) -> Result<f64> {
    let size = |x: &[f64]| x.iter().map(|value| value.abs()).sum::<f64>();
    let solve = |x: &mut [f64]| -> Result<()> {
        ctx.check()?;
        solve_transposed(r, stride, x);
        solve_upper(r, stride, x);
        Ok(())
    };
    let mut x = memory::try_filled(n, 1.0 / n as f64)?;
    let mut best = 0.0;
    for _ in 0..MAX_STEPS {
        let mut y = memory::try_copied(&x)?;
        solve(&mut y)?;
        let norm = size(&y);
        if norm <= best {
            break;
        }
        best = norm;
        y.iter_mut().for_each(|value| *value = 1f64.copysign(*value));
        solve(&mut y)?;
        let at_x: f64 = y.iter().zip(&x).map(|(a, b)| a * b).sum();
        let (largest, value) = y
            .iter()
            .enumerate()
            .fold((0, 0.0), |most, (index, value)| if value.abs() > most.1 { (index, value.abs()) } else { most });
        if value <= at_x {
            break;
        }
        x.fill(0.0);
        x[largest] = 1.0;
    }
    // A vector of alternating signs meets the matrices that mislead the steps above.
    for (index, value) in x.iter_mut().enumerate() {
        let sign = if index % 2 == 0 { 1.0 } else { -1.0 };
        *value = sign * (1.0 + index as f64 / (n.max(2) - 1) as f64);
    }
    solve(&mut x)?;
    Ok(best.max(2.0 * size(&x) / (3.0 * n as f64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    /// Products of the columns of a random table, shape (n, n_cols) in whole panels.
    fn products(n: usize, n_cols: usize) -> (Vec<f64>, usize) {
        let mut random = Mt19937::seeded(1);
        let rows = 2 * n_cols + 5;
        let table: Vec<f64> = (0..rows * n_cols).map(|_| random.next_f64() - 0.5).collect();
        let stride = n_cols.next_multiple_of(OCTET);
        let mut a = vec![0.0; n.next_multiple_of(OCTET) * stride];
        for i in 0..n {
            for j in 0..n_cols {
                a[i * stride + j] = (0..rows).map(|r| table[r * n_cols + i] * table[r * n_cols + j]).sum();
            }
        }
        (a, stride)
    }

    #[test]
    fn the_factor_gives_the_matrix_back() {
        for (n, n_cols) in [(1, 1), (3, 5), (64, 64), (65, 70), (150, 151)] {
            let (a, stride) = products(n, n_cols);
            let mut r = a.clone();
            assert!(factorize(&Context::serial(), &mut r, stride, n, n_cols, 0.0).expect("memory"));
            for i in 0..n {
                for j in i..n_cols {
                    let sum: f64 = (0..=i).map(|k| r[k * stride + i] * r[k * stride + j]).sum();
                    assert!((sum - a[i * stride + j]).abs() < 1e-12 * n_cols as f64, "{n} {n_cols} {i} {j}");
                }
            }
            let mut x = vec![1.0; n];
            solve_transposed(&r, stride, &mut x);
            solve_upper(&r, stride, &mut x);
            for i in 0..n {
                let sum: f64 = (0..n).map(|j| a[i.min(j) * stride + i.max(j)] * x[j]).sum();
                assert!((sum - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn the_norm_of_the_inverse_is_found() {
        let n = 30;
        let (a, stride) = products(n, n);
        let mut r = a;
        assert!(factorize(&Context::serial(), &mut r, stride, n, n, 0.0).expect("memory"));
        let exact = (0..n).map(|column| {
            let mut unit = vec![0.0; n];
            unit[column] = 1.0;
            solve_transposed(&r, stride, &mut unit);
            solve_upper(&r, stride, &mut unit);
            unit.iter().map(|value| value.abs()).sum::<f64>()
        });
        let exact = exact.fold(0.0, f64::max);
        let found = inverse_norm(&Context::serial(), &r, stride, n).expect("memory");
        assert!(found <= exact * 1.0001 && found >= exact / 3.0, "{found} of {exact}");
    }

    #[test]
    fn a_matrix_without_a_factor_is_refused() {
        let mut a = vec![0.0; 8 * 8];
        (a[0], a[1], a[9]) = (1.0, 1.0, 1.0);
        assert!(!factorize(&Context::serial(), &mut a, 8, 2, 2, 1e-12).expect("memory"));
        a[0] = f64::NAN;
        assert!(!factorize(&Context::serial(), &mut a, 8, 2, 2, 0.0).expect("memory"));
    }
}
