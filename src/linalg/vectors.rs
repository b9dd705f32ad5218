//! Sums of vectors, element by element.

use crate::common::simd::{Kernel, Simd, dispatch};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::simd::{Isa, dispatch_to};

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
