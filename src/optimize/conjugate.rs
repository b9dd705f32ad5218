//! Conjugate gradients: solves a symmetric positive definite system by products with its matrix alone. Steps and rule to
//! stop are those of SciPy's `cg`.
//!
//! Reference: M. Hestenes, E. Stiefel, "Methods of conjugate gradients for solving linear systems", 1952.

use crate::common::{Context, Result, memory, pairwise};

/// The solution of `Ax = b`, once the residual is shorter than `tol` times `b`, or after `max_steps`.
///
/// # Errors
/// Those of `apply`; [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn conjugate_gradients(
    ctx: &Context,
    mut apply: impl FnMut(&[f64]) -> Result<Vec<f64>>,
    b: Vec<f64>,
    tol: f64,
    max_steps: usize,
) -> Result<Vec<f64>> {
    let mut x = memory::try_filled(b.len(), 0.0)?;
    let mut products = memory::try_with_capacity(b.len())?;
    let mut dot = |a: &[f64], b: &[f64]| {
        products.clear();
        products.extend(a.iter().zip(b).map(|(a, b)| a * b));
        pairwise::sum(&products)
    };
    let length = dot(&b, &b).sqrt();
    if length == 0.0 {
        return Ok(x);
    }
    let mut direction = memory::try_copied(&b)?;
    let mut residual = b;
    let mut square = dot(&residual, &residual);
    for _ in 0..max_steps {
        ctx.check()?;
        if square.sqrt() < tol * length {
            break;
        }
        let image = apply(&direction)?;
        let step = square / dot(&direction, &image);
        x.iter_mut().zip(&direction).for_each(|(x, direction)| *x += step * direction);
        residual.iter_mut().zip(&image).for_each(|(residual, image)| *residual -= step * image);
        let before = square;
        square = dot(&residual, &residual);
        let fraction = square / before;
        direction
            .iter_mut()
            .zip(&residual)
            .for_each(|(direction, residual)| *direction = residual + fraction * *direction);
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_is_found_in_as_many_steps_as_there_are_unknowns() {
        let a = [[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]];
        let apply = |x: &[f64]| -> Result<Vec<f64>> {
            Ok(a.iter().map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum()).collect())
        };
        let b = vec![1.0, 2.0, 3.0];
        let x = conjugate_gradients(&Context::serial(), apply, b.clone(), 1e-12, 3).expect("memory");
        assert!(apply(&x).expect("memory").iter().zip(&b).all(|(found, b)| (found - b).abs() < 1e-12));
        let zero = conjugate_gradients(&Context::serial(), apply, vec![0.0; 3], 1e-12, 3).expect("memory");
        assert_eq!(zero, [0.0; 3]);
    }
}
