//! Vectors of 512 bits.
#![allow(clippy::undocumented_unsafe_blocks)] // one contract for all: that of `Simd`

use std::arch::x86_64::*;

use super::Simd;

/// Sixteen `f32`.
#[derive(Debug, Clone, Copy)]
pub struct F32x16;

/// Eight `f64`.
#[derive(Debug, Clone, Copy)]
pub struct F64x8;

impl Simd for F32x16 {
    type F = f32;
    type V = __m512;
    type M = __mmask16;
    const WIDTH: usize = 16;
    const VECTORS: usize = 3;
    const COLUMNS: usize = 6;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(source) }
    }

    #[inline(always)]
    unsafe fn store(target: *mut f32, value: __m512) {
        unsafe { _mm512_storeu_ps(target, value) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn abs(a: __m512) -> __m512 {
        unsafe { _mm512_abs_ps(a) }
    }

    #[inline(always)]
    unsafe fn sqrt(a: __m512) -> __m512 {
        unsafe { _mm512_sqrt_ps(a) }
    }

    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn lt(a: __m512, b: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn or(a: __mmask16, b: __mmask16) -> __mmask16 {
        a | b
    }

    #[inline(always)]
    unsafe fn bits(mask: __mmask16) -> u32 {
        u32::from(mask)
    }

    #[inline(always)]
    unsafe fn eq(a: __m512, b: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn select(mask: __mmask16, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mask_blend_ps(mask, b, a) }
    }

    #[inline(always)]
    unsafe fn transpose(rows: &[*const f32], shift: *const f32, columns: usize, target: *mut f32, stride: usize) {
        unsafe {
            let mask = u16::MAX >> (16 - columns);
            let shift = if shift.is_null() { _mm512_setzero_ps() } else { _mm512_maskz_loadu_ps(mask, shift) };
            let mut v = [_mm512_setzero_ps(); 16];
            for lane in 0..16 {
                v[lane] = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, rows[lane]), shift);
            }
            // Pairs of rows, then groups of four: afterwards vector 4g+c holds column c of every 128-bit lane of group g.
            let mut pairs = v;
            for i in (0..16).step_by(2) {
                pairs[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
                pairs[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
            }
            let mut fours = pairs;
            for i in (0..16).step_by(4) {
                let [a, b, c, d] = [pairs[i], pairs[i + 1], pairs[i + 2], pairs[i + 3]].map(|x| _mm512_castps_pd(x));
                fours[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
                fours[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
                fours[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
                fours[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
            }
            for c in 0..4 {
                let low = _mm512_shuffle_f32x4::<0x88>(fours[c], fours[4 + c]);
                let high = _mm512_shuffle_f32x4::<0xdd>(fours[c], fours[4 + c]);
                let low2 = _mm512_shuffle_f32x4::<0x88>(fours[8 + c], fours[12 + c]);
                let high2 = _mm512_shuffle_f32x4::<0xdd>(fours[8 + c], fours[12 + c]);
                let out = [
                    _mm512_shuffle_f32x4::<0x88>(low, low2),
                    _mm512_shuffle_f32x4::<0x88>(high, high2),
                    _mm512_shuffle_f32x4::<0xdd>(low, low2),
                    _mm512_shuffle_f32x4::<0xdd>(high, high2),
                ];
                for lane in 0..4 {
                    if 4 * lane + c < columns {
                        _mm512_storeu_ps(target.add((4 * lane + c) * stride), out[lane]);
                    }
                }
            }
        }
    }
}

impl Simd for F64x8 {
    type F = f64;
    type V = __m512d;
    type M = __mmask8;
    const WIDTH: usize = 8;
    const VECTORS: usize = 3;
    const COLUMNS: usize = 6;

    #[inline(always)]
    unsafe fn splat(value: f64) -> __m512d {
        unsafe { _mm512_set1_pd(value) }
    }

    #[inline(always)]
    unsafe fn load(source: *const f64) -> __m512d {
        unsafe { _mm512_loadu_pd(source) }
    }

    #[inline(always)]
    unsafe fn store(target: *mut f64, value: __m512d) {
        unsafe { _mm512_storeu_pd(target, value) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512d, b: __m512d) -> __m512d {
        unsafe { _mm512_add_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512d, b: __m512d) -> __m512d {
        unsafe { _mm512_sub_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512d, b: __m512d) -> __m512d {
        unsafe { _mm512_mul_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m512d, b: __m512d) -> __m512d {
        unsafe { _mm512_div_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn abs(a: __m512d) -> __m512d {
        unsafe { _mm512_abs_pd(a) }
    }

    #[inline(always)]
    unsafe fn sqrt(a: __m512d) -> __m512d {
        unsafe { _mm512_sqrt_pd(a) }
    }

    #[inline(always)]
    unsafe fn min(a: __m512d, b: __m512d) -> __m512d {
        unsafe { _mm512_min_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512d, b: __m512d) -> __m512d {
        unsafe { _mm512_max_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m512d, b: __m512d, c: __m512d) -> __m512d {
        unsafe { _mm512_fmadd_pd(a, b, c) }
    }

    #[inline(always)]
    unsafe fn lt(a: __m512d, b: __m512d) -> __mmask8 {
        unsafe { _mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn or(a: __mmask8, b: __mmask8) -> __mmask8 {
        a | b
    }

    #[inline(always)]
    unsafe fn bits(mask: __mmask8) -> u32 {
        u32::from(mask)
    }

    #[inline(always)]
    unsafe fn eq(a: __m512d, b: __m512d) -> __mmask8 {
        unsafe { _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn select(mask: __mmask8, a: __m512d, b: __m512d) -> __m512d {
        unsafe { _mm512_mask_blend_pd(mask, b, a) }
    }

    #[inline(always)]
    unsafe fn transpose(rows: &[*const f64], shift: *const f64, columns: usize, target: *mut f64, stride: usize) {
        unsafe {
            let mask = u8::MAX >> (8 - columns);
            let shift = if shift.is_null() { _mm512_setzero_pd() } else { _mm512_maskz_loadu_pd(mask, shift) };
            let mut v = [_mm512_setzero_pd(); 8];
            for lane in 0..8 {
                v[lane] = _mm512_sub_pd(_mm512_maskz_loadu_pd(mask, rows[lane]), shift);
            }
            let mut pairs = v;
            for i in (0..8).step_by(2) {
                pairs[i] = _mm512_unpacklo_pd(v[i], v[i + 1]);
                pairs[i + 1] = _mm512_unpackhi_pd(v[i], v[i + 1]);
            }
            for c in 0..2 {
                let low = _mm512_shuffle_f64x2::<0x88>(pairs[c], pairs[2 + c]);
                let high = _mm512_shuffle_f64x2::<0xdd>(pairs[c], pairs[2 + c]);
                let low2 = _mm512_shuffle_f64x2::<0x88>(pairs[4 + c], pairs[6 + c]);
                let high2 = _mm512_shuffle_f64x2::<0xdd>(pairs[4 + c], pairs[6 + c]);
                let out = [
                    _mm512_shuffle_f64x2::<0x88>(low, low2),
                    _mm512_shuffle_f64x2::<0x88>(high, high2),
                    _mm512_shuffle_f64x2::<0xdd>(low, low2),
                    _mm512_shuffle_f64x2::<0xdd>(high, high2),
                ];
                for lane in 0..4 {
                    if 2 * lane + c < columns {
                        _mm512_storeu_pd(target.add((2 * lane + c) * stride), out[lane]);
                    }
                }
            }
        }
    }
}
