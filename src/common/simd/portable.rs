//! Vectors without intrinsics, which the compiler maps to the registers that there are.
#![allow(clippy::undocumented_unsafe_blocks)] // one contract for all: that of `Simd`

use std::marker::PhantomData;

use super::{Simd, SimdFloat, transpose_plainly};

/// Four lanes of `F`, for the baseline.
pub(super) type Portable<F> = Lanes<F, 4, false>;

/// `W` lanes of `F`. Multiply and add are fused if `FUSED`: then it stands for the instruction set with vectors of that
/// width, on machines that lack it.
#[derive(Debug, Clone, Copy)]
pub struct Lanes<F, const W: usize, const FUSED: bool>(PhantomData<F>);

impl<F: SimdFloat, const W: usize, const FUSED: bool> Simd for Lanes<F, W, FUSED> {
    type F = F;
    type V = [F; W];
    type M = [bool; W];
    const WIDTH: usize = W;
    const VECTORS: usize = if W * size_of::<F>() == 64 { 3 } else { 2 };
    const COLUMNS: usize = if FUSED { 6 } else { 3 };

    #[inline(always)]
    unsafe fn splat(value: F) -> [F; W] {
        [value; W]
    }

    #[inline(always)]
    unsafe fn load(source: *const F) -> [F; W] {
        unsafe { source.cast::<[F; W]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(target: *mut F, value: [F; W]) {
        unsafe { target.cast::<[F; W]>().write_unaligned(value) }
    }

    #[inline(always)]
    unsafe fn add(a: [F; W], b: [F; W]) -> [F; W] {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    unsafe fn sub(a: [F; W], b: [F; W]) -> [F; W] {
        std::array::from_fn(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    unsafe fn mul(a: [F; W], b: [F; W]) -> [F; W] {
        std::array::from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    unsafe fn div(a: [F; W], b: [F; W]) -> [F; W] {
        std::array::from_fn(|lane| a[lane] / b[lane])
    }

    #[inline(always)]
    unsafe fn abs(a: [F; W]) -> [F; W] {
        a.map(F::abs)
    }

    #[inline(always)]
    unsafe fn sqrt(a: [F; W]) -> [F; W] {
        a.map(F::sqrt)
    }

    #[inline(always)]
    unsafe fn min(a: [F; W], b: [F; W]) -> [F; W] {
        std::array::from_fn(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    unsafe fn max(a: [F; W], b: [F; W]) -> [F; W] {
        std::array::from_fn(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    unsafe fn fma(a: [F; W], b: [F; W], c: [F; W]) -> [F; W] {
        std::array::from_fn(|lane| if FUSED { a[lane].mul_add(b[lane], c[lane]) } else { a[lane] * b[lane] + c[lane] })
    }

    #[inline(always)]
    unsafe fn lt(a: [F; W], b: [F; W]) -> [bool; W] {
        std::array::from_fn(|lane| a[lane] < b[lane])
    }

    #[inline(always)]
    unsafe fn or(a: [bool; W], b: [bool; W]) -> [bool; W] {
        std::array::from_fn(|lane| a[lane] | b[lane])
    }

    #[inline(always)]
    unsafe fn bits(mask: [bool; W]) -> u32 {
        mask.iter().rev().fold(0, |bits, &set| bits * 2 + u32::from(set))
    }

    #[inline(always)]
    unsafe fn eq(a: [F; W], b: [F; W]) -> [bool; W] {
        std::array::from_fn(|lane| a[lane] == b[lane])
    }

    #[inline(always)]
    unsafe fn select(mask: [bool; W], a: [F; W], b: [F; W]) -> [F; W] {
        std::array::from_fn(|lane| if mask[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    unsafe fn transpose(rows: &[*const F], shift: *const F, columns: usize, target: *mut F, stride: usize) {
        unsafe { transpose_plainly(rows, shift, columns, target, stride) }
    }
}
