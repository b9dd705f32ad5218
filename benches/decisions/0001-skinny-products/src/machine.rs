//! What the machine can do at all: fused multiply-adds from registers, reads and copies of memory.

use crate::seconds;
use std::arch::x86_64::*;
use std::hint::black_box;

const WORDS: usize = 32 << 20; // 256 MiB of f64, far beyond the caches
const STEPS: usize = 4 << 20;

/// 12 independent chains of 256-bit fused multiply-adds.
///
/// # Safety
/// AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
unsafe fn fma_f32() -> f32 {
    let (a, b) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(0.001)));
    let mut acc = [_mm256_set1_ps(1.0); 12];
    for _ in 0..STEPS {
        for v in &mut acc {
            *v = _mm256_fmadd_ps(*v, a, b);
        }
    }
    acc.iter().map(|v| _mm256_cvtss_f32(*v)).sum()
}

/// # Safety
/// AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
unsafe fn fma_f64() -> f64 {
    let (a, b) = (_mm256_set1_pd(black_box(0.999)), _mm256_set1_pd(black_box(0.001)));
    let mut acc = [_mm256_set1_pd(1.0); 12];
    for _ in 0..STEPS {
        for v in &mut acc {
            *v = _mm256_fmadd_pd(*v, a, b);
        }
    }
    acc.iter().map(|v| _mm256_cvtsd_f64(*v)).sum()
}

fn read(words: &[f64]) -> u64 {
    let mut acc = [0u64; 16]; // integer adds: order is free, so this vectorises
    for chunk in words.chunks_exact(16) {
        for (a, w) in acc.iter_mut().zip(chunk) {
            *a = a.wrapping_add(w.to_bits());
        }
    }
    acc.iter().fold(0, |s, a| s.wrapping_add(*a))
}

fn on(threads: usize, f: impl Fn() + Sync) {
    std::thread::scope(|s| {
        for _ in 1..threads {
            s.spawn(&f);
        }
        f();
    });
}

pub fn report(threads: usize, rounds: usize) {
    let least = |f: &mut dyn FnMut()| (0..=rounds).map(|_| seconds(&mut *f)).fold(f64::INFINITY, f64::min);
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        let flops = (threads * STEPS * 12 * 2) as f64 / 1e9;
        // SAFETY: detected.
        let t = least(&mut || {
            on(threads, || {
                black_box(unsafe { fma_f32() });
            })
        });
        println!("peak-fma,f32,0,0,0,{threads},{:.2}", flops * 8.0 / t);
        // SAFETY: detected.
        let t = least(&mut || {
            on(threads, || {
                black_box(unsafe { fma_f64() });
            })
        });
        println!("peak-fma,f64,0,0,0,{threads},{:.2}", flops * 4.0 / t);
    }
    let source = vec![1.0f64; WORDS];
    let mut target = vec![0.0f64; WORDS];
    let share = WORDS / threads;
    let bytes = (WORDS * 8) as f64 / 1e9;
    let t = least(&mut || {
        std::thread::scope(|s| {
            for part in source.chunks(share) {
                s.spawn(|| black_box(read(part)));
            }
        })
    });
    println!("read-GB/s,f64,0,0,{WORDS},{threads},{:.2}", bytes / t);
    let t = least(&mut || {
        std::thread::scope(|s| {
            for (from, to) in source.chunks(share).zip(target.chunks_mut(share)) {
                s.spawn(|| to.copy_from_slice(from));
            }
        })
    });
    println!("copy-GB/s,f64,0,0,{WORDS},{threads},{:.2}", 2.0 * bytes / t);
}
