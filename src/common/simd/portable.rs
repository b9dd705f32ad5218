//! Vectors without intrinsics: four lanes that the compiler maps to the baseline's registers.
#![allow(clippy::undocumented_unsafe_blocks)] // one contract for all: that of `Simd`

use std::marker::PhantomData;

use super::{Simd, SimdFloat, transpose_plainly};

/// Four lanes of `F`.
#[derive(Debug, Clone, Copy)]
pub struct Portable<F>(PhantomData<F>);

impl<F: SimdFloat> Simd for Portable<F> {
    type F = F;
    type V = [F; 4];
    type M = [bool; 4];
    const WIDTH: usize = 4;
    const VECTORS: usize = 2;
    const COLUMNS: usize = 3;

    #[inline(always)]
    unsafe fn splat(value: F) -> [F; 4] {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(source: *const F) -> [F; 4] {
        unsafe { source.cast::<[F; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(target: *mut F, value: [F; 4]) {
        unsafe { target.cast::<[F; 4]>().write_unaligned(value) }
    }

    #[inline(always)]
    unsafe fn add(a: [F; 4], b: [F; 4]) -> [F; 4] {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    unsafe fn sub(a: [F; 4], b: [F; 4]) -> [F; 4] {
        std::array::from_fn(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    unsafe fn mul(a: [F; 4], b: [F; 4]) -> [F; 4] {
        std::array::from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    unsafe fn div(a: [F; 4], b: [F; 4]) -> [F; 4] {
        std::array::from_fn(|lane| a[lane] / b[lane])
    }

    #[inline(always)]
    unsafe fn abs(a: [F; 4]) -> [F; 4] {
        a.map(F::abs)
    }

    #[inline(always)]
    unsafe fn sqrt(a: [F; 4]) -> [F; 4] {
        a.map(F::sqrt)
    }

    #[inline(always)]
    unsafe fn min(a: [F; 4], b: [F; 4]) -> [F; 4] {
        std::array::from_fn(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    unsafe fn max(a: [F; 4], b: [F; 4]) -> [F; 4] {
        std::array::from_fn(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    unsafe fn fma(a: [F; 4], b: [F; 4], c: [F; 4]) -> [F; 4] {
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }

    #[inline(always)]
    unsafe fn lt(a: [F; 4], b: [F; 4]) -> [bool; 4] {
        std::array::from_fn(|lane| a[lane] < b[lane])
    }

    #[inline(always)]
    unsafe fn or(a: [bool; 4], b: [bool; 4]) -> [bool; 4] {
        std::array::from_fn(|lane| a[lane] | b[lane])
    }

    #[inline(always)]
    unsafe fn bits(mask: [bool; 4]) -> u32 {
        mask.iter().rev().fold(0, |bits, &set| bits * 2 + u32::from(set))
    }

    #[inline(always)]
    unsafe fn eq(a: [F; 4], b: [F; 4]) -> [bool; 4] {
        std::array::from_fn(|lane| a[lane] == b[lane])
    }

    #[inline(always)]
    unsafe fn select(mask: [bool; 4], a: [F; 4], b: [F; 4]) -> [F; 4] {
        std::array::from_fn(|lane| if mask[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    unsafe fn transpose(rows: &[*const F], shift: *const F, columns: usize, target: *mut F, stride: usize) {
        unsafe { transpose_plainly(rows, shift, columns, target, stride) }
    }
}
