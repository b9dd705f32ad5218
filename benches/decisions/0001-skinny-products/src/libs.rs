//! The three libraries behind one call: `out (n x k) = x (n x d) * c' (k x d)`, all row-major.

use crate::fused::{self, Tile};
use std::num::NonZeroUsize;

pub const NAMES: [&str; 3] = ["gemm", "faer", "matrixmultiply"];

#[derive(Clone, Copy)]
pub struct Shape {
    pub n: usize,
    pub d: usize,
    pub k: usize,
}

pub trait Float: Copy + Send + Sync + PartialOrd + 'static {
    const NAME: &'static str;
    fn from_f64(v: f64) -> Self;
    fn to_f64(self) -> f64;
    /// The fused kernels that this machine can run, by name.
    fn tiles() -> Vec<Tile<Self>>;
    fn product(which: usize, s: Shape, x: &[Self], c: &[Self], out: &mut [Self], threads: usize);
}

macro_rules! float {
    ($t:ty, $name:literal, $matrixmultiply:path, $tiles:path) => {
        impl Float for $t {
            const NAME: &'static str = $name;
            fn from_f64(v: f64) -> Self {
                v as $t
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn tiles() -> Vec<Tile<Self>> {
                $tiles()
            }
            fn product(which: usize, Shape { n, d, k }: Shape, x: &[$t], c: &[$t], out: &mut [$t], threads: usize) {
                assert!(x.len() == n * d && c.len() == k * d && out.len() == n * k);
                match which {
                    0 => {
                        let par =
                            if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
                        // SAFETY: the lengths were checked above, the strides are those of the layout.
                        unsafe {
                            gemm::gemm(
                                n,
                                k,
                                d,
                                out.as_mut_ptr(),
                                1,
                                k as isize,
                                false,
                                x.as_ptr(),
                                1,
                                d as isize,
                                c.as_ptr(),
                                d as isize,
                                1,
                                0.0,
                                1.0,
                                false,
                                false,
                                false,
                                par,
                            )
                        }
                    }
                    1 => {
                        let par = match NonZeroUsize::new(threads) {
                            Some(t) if threads > 1 => faer::Par::Rayon(t),
                            _ => faer::Par::Seq,
                        };
                        faer::linalg::matmul::matmul(
                            faer::MatMut::from_row_major_slice_mut(out, n, k),
                            faer::Accum::Replace,
                            faer::MatRef::from_row_major_slice(x, n, d),
                            faer::MatRef::from_row_major_slice(c, k, d).transpose(),
                            1.0,
                            par,
                        )
                    }
                    // SAFETY: as above.
                    _ => unsafe {
                        $matrixmultiply(
                            n,
                            d,
                            k,
                            1.0,
                            x.as_ptr(),
                            d as isize,
                            1,
                            c.as_ptr(),
                            1,
                            d as isize,
                            0.0,
                            out.as_mut_ptr(),
                            k as isize,
                            1,
                        )
                    },
                }
            }
        }
    };
}
float!(f32, "f32", matrixmultiply::sgemm, fused::tiles_f32);
float!(f64, "f64", matrixmultiply::dgemm, fused::tiles_f64);

/// A product that is wrong must not win: compares a few entries with a plain loop.
pub fn check<T: Float>(Shape { n, d, k }: Shape, x: &[T], c: &[T], out: &[T]) {
    for (i, j) in [(0, 0), (n - 1, k - 1), (n / 2, k / 3)] {
        let want: f64 = (0..d).map(|f| x[i * d + f].to_f64() * c[j * d + f].to_f64()).sum();
        let got = out[i * k + j].to_f64();
        assert!((got - want).abs() <= 1e-4 * want.abs().max(1e-3), "({i}, {j}): {got} for {want}");
    }
}
