//! Vectors of 256 bits.
#![allow(clippy::undocumented_unsafe_blocks)] // one contract for all: that of `Simd`

use std::arch::x86_64::*;

use super::{Simd, transpose_plainly};

/// Eight `f32`.
#[derive(Debug, Clone, Copy)]
pub struct F32x8;

/// Four `f64`.
#[derive(Debug, Clone, Copy)]
pub struct F64x4;

impl Simd for F32x8 {
    type F = f32;
    type V = __m256;
    type M = __m256;
    const WIDTH: usize = 8;
    const VECTORS: usize = 2;
    const COLUMNS: usize = 6;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(source) }
    }

    #[inline(always)]
    unsafe fn store(target: *mut f32, value: __m256) {
        unsafe { _mm256_storeu_ps(target, value) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn abs(a: __m256) -> __m256 {
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), a) }
    }

    #[inline(always)]
    unsafe fn sqrt(a: __m256) -> __m256 {
        unsafe { _mm256_sqrt_ps(a) }
    }

    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn lt(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn or(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_or_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn bits(mask: __m256) -> u32 {
        unsafe { _mm256_movemask_ps(mask) as u32 }
    }

    #[inline(always)]
    unsafe fn eq(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn select(mask: __m256, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_blendv_ps(b, a, mask) }
    }

    #[inline(always)]
    unsafe fn transpose(rows: &[*const f32], shift: *const f32, columns: usize, target: *mut f32, stride: usize) {
        unsafe {
            if columns < 8 {
                return transpose_plainly(rows, shift, columns, target, stride);
            }
            let shift = if shift.is_null() { _mm256_setzero_ps() } else { _mm256_loadu_ps(shift) };
            let mut v = [_mm256_setzero_ps(); 8];
            for lane in 0..8 {
                v[lane] = _mm256_sub_ps(_mm256_loadu_ps(rows[lane]), shift);
            }
            let mut pairs = v;
            for i in (0..8).step_by(2) {
                pairs[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
                pairs[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
            }
            let mut fours = pairs;
            for i in (0..8).step_by(4) {
                fours[i] = _mm256_shuffle_ps::<0x44>(pairs[i], pairs[i + 2]);
                fours[i + 1] = _mm256_shuffle_ps::<0xee>(pairs[i], pairs[i + 2]);
                fours[i + 2] = _mm256_shuffle_ps::<0x44>(pairs[i + 1], pairs[i + 3]);
                fours[i + 3] = _mm256_shuffle_ps::<0xee>(pairs[i + 1], pairs[i + 3]);
            }
            for c in 0..4 {
                let low = _mm256_permute2f128_ps::<0x20>(fours[c], fours[4 + c]);
                let high = _mm256_permute2f128_ps::<0x31>(fours[c], fours[4 + c]);
                _mm256_storeu_ps(target.add(c * stride), low);
                _mm256_storeu_ps(target.add((4 + c) * stride), high);
            }
        }
    }
}

impl Simd for F64x4 {
    type F = f64;
    type V = __m256d;
    type M = __m256d;
    const WIDTH: usize = 4;
    const VECTORS: usize = 2;
    const COLUMNS: usize = 6;

    #[inline(always)]
    unsafe fn splat(value: f64) -> __m256d {
        unsafe { _mm256_set1_pd(value) }
    }

    #[inline(always)]
    unsafe fn load(source: *const f64) -> __m256d {
        unsafe { _mm256_loadu_pd(source) }
    }

    #[inline(always)]
    unsafe fn store(target: *mut f64, value: __m256d) {
        unsafe { _mm256_storeu_pd(target, value) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_add_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_sub_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_mul_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_div_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn abs(a: __m256d) -> __m256d {
        unsafe { _mm256_andnot_pd(_mm256_set1_pd(-0.0), a) }
    }

    #[inline(always)]
    unsafe fn sqrt(a: __m256d) -> __m256d {
        unsafe { _mm256_sqrt_pd(a) }
    }

    #[inline(always)]
    unsafe fn min(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_min_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_max_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m256d, b: __m256d, c: __m256d) -> __m256d {
        unsafe { _mm256_fmadd_pd(a, b, c) }
    }

    #[inline(always)]
    unsafe fn lt(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_cmp_pd::<_CMP_LT_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn or(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_or_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn bits(mask: __m256d) -> u32 {
        unsafe { _mm256_movemask_pd(mask) as u32 }
    }

    #[inline(always)]
    unsafe fn eq(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_cmp_pd::<_CMP_EQ_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn select(mask: __m256d, a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_blendv_pd(b, a, mask) }
    }

    #[inline(always)]
    unsafe fn transpose(rows: &[*const f64], shift: *const f64, columns: usize, target: *mut f64, stride: usize) {
        unsafe {
            if columns < 4 {
                return transpose_plainly(rows, shift, columns, target, stride);
            }
            let shift = if shift.is_null() { _mm256_setzero_pd() } else { _mm256_loadu_pd(shift) };
            let mut v = [_mm256_setzero_pd(); 4];
            for lane in 0..4 {
                v[lane] = _mm256_sub_pd(_mm256_loadu_pd(rows[lane]), shift);
            }
            let low = [_mm256_unpacklo_pd(v[0], v[1]), _mm256_unpacklo_pd(v[2], v[3])];
            let high = [_mm256_unpackhi_pd(v[0], v[1]), _mm256_unpackhi_pd(v[2], v[3])];
            _mm256_storeu_pd(target, _mm256_permute2f128_pd::<0x20>(low[0], low[1]));
            _mm256_storeu_pd(target.add(stride), _mm256_permute2f128_pd::<0x20>(high[0], high[1]));
            _mm256_storeu_pd(target.add(2 * stride), _mm256_permute2f128_pd::<0x31>(low[0], low[1]));
            _mm256_storeu_pd(target.add(3 * stride), _mm256_permute2f128_pd::<0x31>(high[0], high[1]));
        }
    }
}
