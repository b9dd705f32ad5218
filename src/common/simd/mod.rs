//! Vectors of the instruction set that this machine has, chosen once at run time.
//!
//! A kernel is written once, generic over [`Simd`], as an implementation of [`Kernel`]; [`dispatch`] instantiates it
//! for each instruction set and calls the one in use. Every function that such a kernel calls must be
//! `#[inline(always)]`: only then is it compiled with the instructions of the set.
//!
//! Every kernel gives the same bits with AVX2 and AVX-512: both fuse multiply and add, and no answer depends on how many
//! lanes a vector has. Sums across lanes are taken in a fixed number of them, or by [`dispatch_to_half`]. The portable
//! path rounds the product first, so it may differ in the last bit.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;
mod portable;

use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Sub, SubAssign};

pub use plain::{Loops, compiled, compiled_to};

use super::settings::settings;

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Whatever the compiler's baseline gives.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, VL, DQ and BW.
    Avx512,
}

impl Isa {
    /// The best that this machine has.
    pub fn best() -> Self {
        [Self::Avx512, Self::Avx2].into_iter().find(|isa| isa.is_available()).unwrap_or(Self::Portable)
    }

    /// By name, if this machine has it.
    pub fn named(name: &str) -> Option<Self> {
        let isa = match name {
            "portable" => Self::Portable,
            "avx2" => Self::Avx2,
            "avx512" => Self::Avx512,
            _ => return None,
        };
        isa.is_available().then_some(isa)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && Self::Avx2.is_available()
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }
}

/// A scalar that has vectors.
pub trait SimdFloat:
    Copy
    + Send
    + Sync
    + PartialOrd
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + std::iter::Sum
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Vectors of 512 bits.
    type Avx512: Simd<F = Self>;
    /// Vectors of 256 bits.
    type Avx2: Simd<F = Self>;
    /// Vectors of the baseline.
    type Portable: Simd<F = Self>;

    /// The magnitude; NaN stays NaN.
    fn abs(self) -> Self;
    /// The square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// `self * factor + term`, rounded once.
    fn mul_add(self, factor: Self, term: Self) -> Self;

    /// The index that [`Simd::splat_index`] put into a lane.
    fn index(self) -> u32;
    /// A scalar that carries an index in its bits.
    fn from_index(index: u32) -> Self;
}

macro_rules! simd_float {
    ($type:ty, $bits:ty, $avx512:ident, $avx2:ident) => {
        impl SimdFloat for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[cfg(target_arch = "x86_64")]
            type Avx512 = avx512::$avx512;
            #[cfg(target_arch = "x86_64")]
            type Avx2 = avx2::$avx2;
            #[cfg(not(target_arch = "x86_64"))]
            type Avx512 = portable::Portable<Self>;
            #[cfg(not(target_arch = "x86_64"))]
            type Avx2 = portable::Portable<Self>;
            type Portable = portable::Portable<Self>;

            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }

            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                self.mul_add(factor, term)
            }

            #[inline(always)]
            fn index(self) -> u32 {
                self.to_bits() as u32
            }

            #[inline(always)]
            fn from_index(index: u32) -> Self {
                Self::from_bits(<$bits>::from(index))
            }
        }
    };
}

simd_float!(f32, u32, F32x16, F32x8);
simd_float!(f64, u64, F64x8, F64x4);

/// Vectors of one instruction set and scalar type.
///
/// # Safety
/// Every function needs the instruction set, and pointers valid for [`Simd::WIDTH`] scalars.
#[allow(clippy::missing_safety_doc)] // one contract for all: the trait's
pub trait Simd: Copy + 'static {
    /// The scalar.
    type F: SimdFloat;
    /// The vector.
    type V: Copy;
    /// The outcome of a comparison, lane by lane.
    type M: Copy;
    /// Lanes.
    const WIDTH: usize;
    /// Vectors of rows in a micro-tile of [`crate::linalg::tile`]: 2 or 3.
    const VECTORS: usize;
    /// Points that a micro-tile meets at a time: 3 or 6. The products of all fit the registers beside their factors.
    const COLUMNS: usize;

    /// The same scalar in every lane.
    unsafe fn splat(value: Self::F) -> Self::V;
    /// Unaligned load.
    unsafe fn load(source: *const Self::F) -> Self::V;
    /// Unaligned store.
    unsafe fn store(target: *mut Self::F, value: Self::V);
    /// `a + b`.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// `|a|`; NaN stays NaN.
    unsafe fn abs(a: Self::V) -> Self::V;
    /// The square root, correctly rounded.
    unsafe fn sqrt(a: Self::V) -> Self::V;
    /// The smaller of each pair; any of the two where one is NaN.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// The larger of each pair; any of the two where one is NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a < b`; false where either is NaN.
    unsafe fn lt(a: Self::V, b: Self::V) -> Self::M;
    /// Set where either is.
    unsafe fn or(a: Self::M, b: Self::M) -> Self::M;
    /// A bit for each lane, the first lowest.
    unsafe fn bits(mask: Self::M) -> u32;
    /// `a == b`; false where either is NaN.
    unsafe fn eq(a: Self::V, b: Self::V) -> Self::M;
    /// `a` where the mask is set, else `b`.
    unsafe fn select(mask: Self::M, a: Self::V, b: Self::V) -> Self::V;
    /// Transposes `WIDTH` rows of `columns <= WIDTH` scalars, less `shift` where it is not null: lane `r` of the vector
    /// stored at `target + c * stride` is `rows[r][c] - shift[c]`.
    unsafe fn transpose(
        rows: &[*const Self::F],
        shift: *const Self::F,
        columns: usize,
        target: *mut Self::F,
        stride: usize,
    );

    /// An index in every lane, as bits.
    #[inline(always)]
    unsafe fn splat_index(index: u32) -> Self::V {
        // SAFETY: the contract of the trait.
        unsafe { Self::splat(Self::F::from_index(index)) }
    }
}

/// Asks for the cache line at an address that will be read soon. Any address will do.
#[inline(always)]
pub fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and cannot fault.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// A computation that is compiled once for every instruction set.
pub trait Kernel<F: SimdFloat> {
    /// What it computes.
    type Output;

    /// The computation; must be `#[inline(always)]`.
    ///
    /// # Safety
    /// The instruction set of `S` is available.
    unsafe fn run<S: Simd<F = F>>(self) -> Self::Output;
}

/// Runs a kernel with the instruction set in use.
pub fn dispatch<F: SimdFloat, K: Kernel<F>>(kernel: K) -> K::Output {
    dispatch_to(settings().isa, kernel)
}

/// Runs a kernel with vectors of at most 256 bits: for sums across lanes, whose bits depend on how many there are.
pub fn dispatch_to_half<F: SimdFloat, K: Kernel<F>>(kernel: K) -> K::Output {
    let isa = settings().isa;
    dispatch_to(if isa == Isa::Avx512 { Isa::Avx2 } else { isa }, kernel)
}

/// Runs a kernel with an instruction set that this machine has: tests compare them.
#[doc(hidden)]
pub fn dispatch_to<F: SimdFloat, K: Kernel<F>>(isa: Isa, kernel: K) -> K::Output {
    debug_assert!(isa.is_available());
    match isa {
        // SAFETY: an `Isa` in use is available (`Isa::best`, `Isa::named`).
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { with_avx512(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { with_avx2(kernel) },
        // SAFETY: the baseline is always there.
        _ => unsafe { kernel.run::<F::Portable>() },
    }
}

/// What a kernel computes with AVX2 and with AVX-512, on any machine: tests compare them.
#[cfg(test)]
pub(crate) mod emulated {
    use super::portable::Lanes;
    use super::{Kernel, SimdFloat};

    /// Vectors of 256 and of 512 bits.
    pub(crate) trait Emulated: SimdFloat {
        /// Runs a kernel as AVX2 does.
        fn narrow<K: Kernel<Self>>(kernel: K) -> K::Output;
        /// Runs a kernel as AVX-512 does.
        fn wide<K: Kernel<Self>>(kernel: K) -> K::Output;
    }

    macro_rules! emulated {
        ($type:ty, $narrow:literal, $wide:literal) => {
            impl Emulated for $type {
                fn narrow<K: Kernel<Self>>(kernel: K) -> K::Output {
                    // SAFETY: these vectors need no instruction set.
                    unsafe { kernel.run::<Lanes<Self, $narrow, true>>() }
                }

                fn wide<K: Kernel<Self>>(kernel: K) -> K::Output {
                    // SAFETY: as above.
                    unsafe { kernel.run::<Lanes<Self, $wide, true>>() }
                }
            }
        };
    }

    emulated!(f32, 8, 16);
    emulated!(f64, 4, 8);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
unsafe fn with_avx512<F: SimdFloat, K: Kernel<F>>(kernel: K) -> K::Output {
    // SAFETY: the caller's promise.
    unsafe { kernel.run::<F::Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn with_avx2<F: SimdFloat, K: Kernel<F>>(kernel: K) -> K::Output {
    // SAFETY: the caller's promise.
    unsafe { kernel.run::<F::Avx2>() }
}

/// The plain transpose: the safe twin that tests compare with, and what short machines use.
#[inline(always)]
unsafe fn transpose_plainly<F: SimdFloat>(
    rows: &[*const F],
    shift: *const F,
    columns: usize,
    target: *mut F,
    stride: usize,
) {
    for column in 0..columns {
        for (lane, row) in rows.iter().enumerate() {
            // SAFETY: the contract of `Simd::transpose`.
            unsafe {
                let value = *row.add(column);
                let value = if shift.is_null() { value } else { value - *shift.add(column) };
                *target.add(column * stride + lane) = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Transpose<'a, F> {
        rows: &'a [Vec<F>],
        shift: &'a [F],
        columns: usize,
    }

    impl<F: SimdFloat> Kernel<F> for Transpose<'_, F> {
        type Output = Vec<F>;

        #[inline(always)]
        unsafe fn run<S: Simd<F = F>>(self) -> Vec<F> {
            let pointers: Vec<*const F> = self.rows[..S::WIDTH].iter().map(|row| row.as_ptr()).collect();
            let mut out = vec![F::ZERO; self.columns * S::WIDTH];
            // SAFETY: rows and shift are long enough, out holds `columns` vectors.
            unsafe { S::transpose(&pointers, self.shift.as_ptr(), self.columns, out.as_mut_ptr(), S::WIDTH) };
            let mut plain = vec![F::ZERO; self.columns * S::WIDTH];
            // SAFETY: as above.
            unsafe {
                transpose_plainly(&pointers, self.shift.as_ptr(), self.columns, plain.as_mut_ptr(), S::WIDTH);
            }
            assert!(out == plain);
            out
        }
    }

    fn check<F: SimdFloat>(from: impl Fn(f64) -> F) {
        let rows: Vec<Vec<F>> = (0..16).map(|r| (0..16).map(|c| from(f64::from(r * 100 + c))).collect()).collect();
        let shift: Vec<F> = (0..16).map(|c| from(f64::from(c) * 0.5)).collect();
        for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()) {
            let width = match isa {
                Isa::Portable => F::Portable::WIDTH,
                Isa::Avx2 => F::Avx2::WIDTH,
                Isa::Avx512 => F::Avx512::WIDTH,
            };
            for columns in 1..=width {
                dispatch_to(isa, Transpose { rows: &rows, shift: &shift, columns });
            }
        }
    }

    #[test]
    fn transposes_agree_with_the_plain_one() {
        check(|value| value as f32);
        check(|value| value);
    }

    #[test]
    fn indices_survive_in_lanes() {
        assert_eq!(f32::from_index(u32::MAX).to_bits(), u32::MAX);
        assert_eq!(f64::from_index(123_456_789).index(), 123_456_789);
    }
}
