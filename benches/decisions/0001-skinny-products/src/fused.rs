//! Nearest centre of every row without storing the product. Lanes are rows: `R` vectors of rows meet
//! `C` centres in `R * C` registers; a running maximum of `x.c - |c|^2 / 2` and its index stay in
//! registers too. A tile of rows is transposed into a small buffer once, centres are packed once.

use crate::libs::{Float, Shape};
use std::arch::x86_64::*;

/// A kernel for one tile: `run` labels whole tiles of x (rows x d) against centres in groups of `group`.
pub struct Tile<T> {
    pub name: &'static str,
    group: usize,
    run: unsafe fn(&[T], usize, &Packed<T>, &mut [u32]),
}

/// Centres in groups of `C` as the kernel reads them: [group][feature][centre], norms beside; the
/// last group is filled with centres that can never win.
pub struct Packed<T> {
    values: Vec<T>,
    half_norms: Vec<T>,
}

fn pack<T: Float>(group: usize, Shape { d, k, .. }: Shape, c: &[T]) -> Packed<T> {
    let groups = k.div_ceil(group);
    let mut values = vec![T::from_f64(0.0); groups * group * d];
    let mut half_norms = vec![T::from_f64(f64::NEG_INFINITY); groups * group];
    for j in 0..k {
        let row = &c[j * d..][..d];
        for (f, v) in row.iter().enumerate() {
            values[(j / group * d + f) * group + j % group] = *v;
        }
        half_norms[j] = T::from_f64(-0.5 * row.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>());
    }
    Packed { values, half_norms }
}

/// One vector type: what the kernel needs of it and nothing more.
///
/// # Safety
/// Every function needs the instruction set that the type stands for, and room behind its pointers.
trait Vector: Copy {
    type Scalar: Float;
    type Index: Copy;
    const LANES: usize;
    unsafe fn load(p: *const Self::Scalar) -> Self;
    unsafe fn splat(v: Self::Scalar) -> Self;
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    unsafe fn no_index() -> Self::Index;
    /// Where `self > best` (first wins): the new best, and `j` as its index.
    unsafe fn raise(self, best: &mut Self, index: &mut Self::Index, j: u32);
    unsafe fn store_index(index: Self::Index, out: *mut u32);
}

macro_rules! avx2 {
    ($name:ident, $t:ty, $lanes:literal, $raw:ty, $load:ident, $set1:ident, $fma:ident, $cmp:ident, $blend:ident,
     $cast:ident, $as_index:expr, $store:expr) => {
        #[derive(Clone, Copy)]
        pub struct $name($raw);
        impl Vector for $name {
            type Scalar = $t;
            type Index = $raw;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                unsafe { Self($load(p)) }
            }
            #[inline(always)]
            unsafe fn splat(v: $t) -> Self {
                unsafe { Self($set1(v)) }
            }
            #[inline(always)]
            unsafe fn fma(self, b: Self, c: Self) -> Self {
                unsafe { Self($fma(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            unsafe fn no_index() -> $raw {
                unsafe { $set1(0.0) }
            }
            #[inline(always)]
            unsafe fn raise(self, best: &mut Self, index: &mut $raw, j: u32) {
                unsafe {
                    let more = $cmp::<_CMP_GT_OQ>(self.0, best.0);
                    best.0 = $blend(best.0, self.0, more);
                    *index = $blend(*index, $cast($as_index(j)), more);
                }
            }
            #[inline(always)]
            unsafe fn store_index(index: $raw, out: *mut u32) {
                unsafe { $store(index, out) }
            }
        }
    };
}
avx2!(
    Avx2F32,
    f32,
    8,
    __m256,
    _mm256_loadu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_cmp_ps,
    _mm256_blendv_ps,
    _mm256_castsi256_ps,
    |j| _mm256_set1_epi32(j as i32),
    |i, out: *mut u32| _mm256_storeu_si256(out.cast(), _mm256_castps_si256(i))
);
avx2!(
    Avx2F64,
    f64,
    4,
    __m256d,
    _mm256_loadu_pd,
    _mm256_set1_pd,
    _mm256_fmadd_pd,
    _mm256_cmp_pd,
    _mm256_blendv_pd,
    _mm256_castsi256_pd,
    |j| _mm256_set1_epi64x(j as i64),
    |i, out: *mut u32| {
        let mut wide = [0u64; 4];
        _mm256_storeu_si256(wide.as_mut_ptr().cast(), _mm256_castpd_si256(i));
        for (l, w) in wide.iter().enumerate() {
            *out.add(l) = *w as u32;
        }
    }
);

macro_rules! avx512 {
    ($name:ident, $t:ty, $lanes:literal, $raw:ty, $load:ident, $set1:ident, $fma:ident, $cmp:ident, $mov:ident,
     $set_index:expr, $mov_index:ident, $store:expr) => {
        #[derive(Clone, Copy)]
        pub struct $name($raw);
        impl Vector for $name {
            type Scalar = $t;
            type Index = __m512i;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                unsafe { Self($load(p)) }
            }
            #[inline(always)]
            unsafe fn splat(v: $t) -> Self {
                unsafe { Self($set1(v)) }
            }
            #[inline(always)]
            unsafe fn fma(self, b: Self, c: Self) -> Self {
                unsafe { Self($fma(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            unsafe fn no_index() -> __m512i {
                unsafe { _mm512_setzero_si512() }
            }
            #[inline(always)]
            unsafe fn raise(self, best: &mut Self, index: &mut __m512i, j: u32) {
                unsafe {
                    let more = $cmp::<_CMP_GT_OQ>(self.0, best.0);
                    best.0 = $mov(best.0, more, self.0);
                    *index = $mov_index(*index, more, $set_index(j));
                }
            }
            #[inline(always)]
            unsafe fn store_index(index: __m512i, out: *mut u32) {
                unsafe { $store(index, out) }
            }
        }
    };
}
avx512!(
    Avx512F32,
    f32,
    16,
    __m512,
    _mm512_loadu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_cmp_ps_mask,
    _mm512_mask_mov_ps,
    |j| _mm512_set1_epi32(j as i32),
    _mm512_mask_mov_epi32,
    |i, out: *mut u32| _mm512_storeu_si512(out.cast(), i)
);
avx512!(
    Avx512F64,
    f64,
    8,
    __m512d,
    _mm512_loadu_pd,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    _mm512_cmp_pd_mask,
    _mm512_mask_mov_pd,
    |j| _mm512_set1_epi64(j as i64),
    _mm512_mask_mov_epi64,
    |i, out: *mut u32| _mm256_storeu_si256(out.cast(), _mm512_cvtepi64_epi32(i))
);

/// # Safety
/// The instruction set of `V`; `x` is labels.len() x d; labels.len() is a multiple of R * LANES.
#[inline(always)]
unsafe fn kernel<V: Vector, const R: usize, const C: usize>(
    x: &[V::Scalar],
    d: usize,
    centres: &Packed<V::Scalar>,
    labels: &mut [u32],
) {
    let tile = R * V::LANES;
    let mut columns = vec![V::Scalar::from_f64(0.0); tile * d];
    for (rows, labels) in x.chunks_exact(tile * d).zip(labels.chunks_exact_mut(tile)) {
        for (r, row) in rows.chunks_exact(d).enumerate() {
            for (f, v) in row.iter().enumerate() {
                columns[f * tile + r] = *v;
            }
        }
        // SAFETY: columns holds d * tile values, a group of centres d * C, labels tile.
        unsafe {
            let mut best = [V::splat(V::Scalar::from_f64(f64::NEG_INFINITY)); R];
            let mut index = [V::no_index(); R];
            for (g, group) in centres.values.chunks_exact(C * d).enumerate() {
                let norms = &centres.half_norms[g * C..][..C];
                let mut acc: [[V; R]; C] = std::array::from_fn(|c| [V::splat(norms[c]); R]);
                for f in 0..d {
                    let column = columns.as_ptr().add(f * tile);
                    let xs: [V; R] = std::array::from_fn(|r| V::load(column.add(r * V::LANES)));
                    for c in 0..C {
                        let b = V::splat(*group.get_unchecked(f * C + c));
                        for r in 0..R {
                            acc[c][r] = xs[r].fma(b, acc[c][r]);
                        }
                    }
                }
                for c in 0..C {
                    for r in 0..R {
                        acc[c][r].raise(&mut best[r], &mut index[r], (g * C + c) as u32);
                    }
                }
            }
            for r in 0..R {
                V::store_index(index[r], labels.as_mut_ptr().add(r * V::LANES));
            }
        }
    }
}

macro_rules! instance {
    ($name:ident, $features:literal, $v:ty, $r:literal, $c:literal) => {
        #[target_feature(enable = $features)]
        unsafe fn $name(x: &[<$v as Vector>::Scalar], d: usize, c: &Packed<<$v as Vector>::Scalar>, l: &mut [u32]) {
            // SAFETY: handed on to the caller.
            unsafe { kernel::<$v, $r, $c>(x, d, c, l) }
        }
    };
}
instance!(avx2_3x4_f32, "avx2,fma", Avx2F32, 3, 4);
instance!(avx2_2x6_f32, "avx2,fma", Avx2F32, 2, 6);
instance!(avx2_3x8_f32, "avx2,fma", Avx2F32, 3, 8);
instance!(avx512_3x8_f32, "avx512f,avx2,fma", Avx512F32, 3, 8);
instance!(avx2_3x4_f64, "avx2,fma", Avx2F64, 3, 4);
instance!(avx2_2x6_f64, "avx2,fma", Avx2F64, 2, 6);
instance!(avx2_3x8_f64, "avx2,fma", Avx2F64, 3, 8);
instance!(avx512_3x8_f64, "avx512f,avx2,fma", Avx512F64, 3, 8);

macro_rules! tiles {
    ($list:ident, $t:ty, $($feature:tt $name:literal $group:literal $run:ident),+) => {
        /// What this machine can run.
        pub fn $list() -> Vec<Tile<$t>> {
            let mut all = Vec::new();
            $(if is_x86_feature_detected!($feature) && is_x86_feature_detected!("fma") {
                all.push(Tile { name: $name, group: $group, run: $run });
            })+
            all
        }
    };
}
tiles!(tiles_f32, f32, "avx2" "fused-avx2-3x4" 4 avx2_3x4_f32, "avx2" "fused-avx2-2x6" 6 avx2_2x6_f32,
    "avx2" "fused-avx2-3x8" 8 avx2_3x8_f32, "avx512f" "fused-avx512-3x8" 8 avx512_3x8_f32);
tiles!(tiles_f64, f64, "avx2" "fused-avx2-3x4" 4 avx2_3x4_f64, "avx2" "fused-avx2-2x6" 6 avx2_2x6_f64,
    "avx2" "fused-avx2-3x8" 8 avx2_3x8_f64, "avx512f" "fused-avx512-3x8" 8 avx512_3x8_f64);

/// Nearest centre of all rows; n is a multiple of every tile (see `rows` in main.rs).
pub fn nearest<T: Float>(tile: &Tile<T>, s: Shape, x: &[T], c: &[T], labels: &mut [u32], threads: usize) {
    let run = tile.run;
    let packed = pack(tile.group, s, c);
    let share = (s.n / 48).div_ceil(threads) * 48;
    if threads == 1 {
        // SAFETY: the kernel was listed because this machine can run it; shapes as documented.
        return unsafe { run(x, s.d, &packed, labels) };
    }
    std::thread::scope(|scope| {
        for (x, labels) in x.chunks(share * s.d).zip(labels.chunks_mut(share)) {
            let packed = &packed;
            // SAFETY: as above.
            scope.spawn(move || unsafe { run(x, s.d, packed, labels) });
        }
    });
}

/// The label must be as near as the nearest by a plain loop, within rounding.
pub fn check<T: Float>(Shape { n, d, k }: Shape, x: &[T], c: &[T], labels: &[u32]) {
    for i in [0, 1, n / 2, n - 1] {
        let far = |j: usize| -> f64 { (0..d).map(|f| (x[i * d + f].to_f64() - c[j * d + f].to_f64()).powi(2)).sum() };
        let want = (0..k).map(far).fold(f64::INFINITY, f64::min);
        let got = far(labels[i] as usize);
        assert!(got - want <= 1e-4 * want.max(1e-2), "row {i}: label {} at {got}, nearest {want}", labels[i]);
    }
}
