//! Sums over vectors in double precision, in eight sums in turn: the same bits on every instruction set.

use crate::common::Float;
use crate::common::simd::{Kernel, Simd, dispatch};

/// Rows that are added at once: the sum is read and written once for all of them.
const AT_ONCE: usize = 4;
const LANES: usize = 8;

/// The scalar product of two vectors of the same length.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + rest
}

/// `out += factor * vector` for two vectors of the same length, every product rounded before it is added: the same bits
/// on every instruction set.
pub fn add_multiple(out: &mut [f64], factor: f64, vector: &[f64]) {
    dispatch(AddMultiple { out, factor, vector });
}

struct AddMultiple<'k> {
    out: &'k mut [f64],
    factor: f64,
    vector: &'k [f64],
}

impl Kernel<f64> for AddMultiple<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        let pairs = self.out.iter_mut().zip(self.vector);
        pairs.for_each(|(out, value)| *out += self.factor * value);
    }
}

/// `out += Σ factors[r] * (row r - center)` for rows side by side in `rows`, row-major of shape
/// `(factors.len(), out.len())`: the same bits on every instruction set.
pub fn add_rows<F: Float>(out: &mut [f64], factors: &[f64], rows: &[F], center: &[f64]) {
    dispatch(AddRows { out, factors, rows, center });
}

struct AddRows<'k, F> {
    out: &'k mut [f64],
    factors: &'k [f64],
    rows: &'k [F],
    center: &'k [f64],
}

impl<F: Float> Kernel<F> for AddRows<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        let n = self.out.len();
        let (out, center) = (self.out, &self.center[..n]);
        let groups = self.factors.chunks(AT_ONCE).zip(self.rows.chunks(AT_ONCE * n.max(1)));
        for (factors, rows) in groups {
            if let &[a, b, c, d] = factors {
                let (first, rows) = rows.split_at(n);
                let (second, rows) = rows.split_at(n);
                let (third, fourth) = rows.split_at(n);
                let fourth = &fourth[..n];
                for j in 0..n {
                    let mean = center[j];
                    let left = a * (first[j].to_f64() - mean) + b * (second[j].to_f64() - mean);
                    let right = c * (third[j].to_f64() - mean) + d * (fourth[j].to_f64() - mean);
                    out[j] += left + right;
                }
            } else {
                for (factor, row) in factors.iter().zip(rows.chunks_exact(n)) {
                    let pairs = out.iter_mut().zip(row.iter().zip(center));
                    pairs.for_each(|(out, (value, mean))| *out += factor * (value.to_f64() - mean));
                }
            }
        }
    }
}

/// Whether no magnitude is above `limit`. That of a NaN is.
pub fn is_within(values: &[f64], limit: f64) -> bool {
    values.iter().all(|value| value.abs() <= limit)
}

/// The sum of magnitudes.
pub fn sum_of_magnitudes(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::simd::{Isa, dispatch_to};

    #[test]
    fn sums_are_those_of_the_obvious_loop() {
        for len in [0, 1, 7, 8, 9, 40, 43] {
            let a: Vec<f64> = (0..len).map(|i| f64::from(i) - 3.0).collect();
            let b: Vec<f64> = (0..len).map(|i| f64::from(2 * i) + 1.0).collect();
            assert_eq!(dot(&a, &b), a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>());
            let mut c = a.clone();
            add_multiple(&mut c, 2.0, &b);
            assert!(c.iter().zip(a.iter().zip(&b)).all(|(c, (a, b))| *c == a + 2.0 * b));
            let most = a.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
            assert!(is_within(&a, most) && is_within(&a, f64::INFINITY));
            assert_eq!(is_within(&a, most - 0.5), len == 0);
            assert_eq!(sum_of_magnitudes(&[-1.0, 2.0, -3.5]), 6.5);
            assert!(!is_within(&[0.0, f64::NAN, 0.0], f64::INFINITY));
        }
    }

    #[test]
    fn rows_add_up_on_every_instruction_set() {
        for (count, n) in [(1, 1), (3, 5), (4, 8), (9, 19)] {
            let rows: Vec<f32> = (0..count * n).map(|i| (i % 7) as f32 * 0.5).collect();
            let factors: Vec<f64> = (0..count).map(|i| i as f64 - 1.5).collect();
            let center: Vec<f64> = (0..n).map(|j| j as f64).collect();
            for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()) {
                let mut out = vec![1.0; n];
                dispatch_to(isa, AddRows { out: &mut out, factors: &factors, rows: &rows, center: &center });
                for j in 0..n {
                    let of_row = |i: usize| factors[i] * (f64::from(rows[i * n + j]) - center[j]);
                    let expected = 1.0 + (0..count).map(of_row).sum::<f64>();
                    assert!((out[j] - expected).abs() < 1e-12, "{isa:?}");
                }
            }
        }
    }

    #[test]
    fn sums_have_the_same_bits_on_every_instruction_set() {
        for len in [0, 1, 7, 8, 19, 64] {
            let vector: Vec<f64> = (0..len).map(|i| 1.0 / (i as f64 + 3.0)).collect();
            let expected: Vec<f64> = vector.iter().map(|value| 1.0 + 0.1 * value).collect();
            for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()) {
                let mut out = vec![1.0; len];
                dispatch_to(isa, AddMultiple { out: &mut out, factor: 0.1, vector: &vector });
                assert_eq!(out, expected, "{isa:?}");
            }
        }
    }
}
