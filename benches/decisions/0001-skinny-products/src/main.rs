//! Measures plain products of skinny matrices, `X (n x d) * C' (d x k)`, by three Rust libraries and
//! by a fused nearest-centre kernel that never stores the product. One line of CSV for each figure:
//! `what,dtype,d,k,n,threads,gflops`. `products.py` beside this crate does the same with NumPy.
//!
//! Usage: `skinny-products THREADS [ROUNDS]`

mod fused;
mod libs;
mod machine;

use std::time::Instant;

pub const DIMS: [usize; 5] = [2, 8, 32, 128, 784];
pub const CENTRES: [usize; 4] = [8, 64, 100, 1000];

/// Rows such that a product takes about 10 ms: by its arithmetic at 40 GFLOP/s, or by its memory
/// traffic at 8 GB/s where that is the longer. `products.py` has the same rule.
pub fn rows(d: usize, k: usize, size: usize) -> usize {
    let by_flops = 10e-3 * 40e9 / (2 * d * k) as f64;
    let by_bytes = 10e-3 * 8e9 / ((d + k) * size) as f64;
    ((by_flops.min(by_bytes) / 48.0).ceil() * 48.0) as usize
}

/// Uniform noise in [0, 1): xorshift64*, good enough to feed multiplications.
pub fn noise<T: libs::Float>(n: usize, mut state: u64) -> Vec<T> {
    (0..n)
        .map(|_| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            T::from_f64((state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64)
        })
        .collect()
}

pub fn seconds(mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_secs_f64()
}

fn products<T: libs::Float>(threads: usize, rounds: usize) {
    for d in DIMS {
        for k in CENTRES {
            let n = rows(d, k, size_of::<T>());
            let x = noise::<T>(n * d, 88_172_645_463_325_252);
            let c = noise::<T>(k * d, 1_181_783_497_276_652_981);
            let mut out = vec![T::from_f64(0.0); n * k];
            let mut nearest = vec![0u32; n];
            let shape = libs::Shape { n, d, k };
            let names = libs::NAMES.len();
            let tiles = T::tiles();
            let mut best = vec![f64::INFINITY; names + tiles.len()];
            // In turn, so that a noisy neighbour hits all alike; round 0 warms up.
            for round in 0..=rounds {
                for which in 0..best.len() {
                    let t = if which < names {
                        seconds(|| T::product(which, shape, &x, &c, &mut out, threads))
                    } else {
                        seconds(|| fused::nearest(&tiles[which - names], shape, &x, &c, &mut nearest, threads))
                    };
                    if round > 0 {
                        best[which] = best[which].min(t);
                    } else if which < names {
                        libs::check(shape, &x, &c, &out);
                    } else {
                        fused::check(shape, &x, &c, &nearest);
                    }
                }
            }
            let work = (2 * n * d * k) as f64 / 1e9;
            for (which, t) in best.iter().enumerate() {
                let name = if which < names { libs::NAMES[which] } else { tiles[which - names].name };
                println!("{name},{},{d},{k},{n},{threads},{:.2}", T::NAME, work / t);
            }
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let threads: usize = args.next().and_then(|a| a.parse().ok()).unwrap_or(1);
    let rounds: usize = args.next().and_then(|a| a.parse().ok()).unwrap_or(7);
    // SAFETY: no other thread exists yet; matrixmultiply reads this at its first product only.
    unsafe { std::env::set_var("MATMUL_NUM_THREADS", threads.to_string()) };
    machine::report(threads, rounds);
    products::<f32>(threads, rounds);
    products::<f64>(threads, rounds);
}
