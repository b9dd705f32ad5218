//! Micro-benchmarks of the clustering room: `cargo bench --features bench --bench kmeans`.
//!
//! One thread, uniform noise. `nearest` is the assignment step alone, with its products per second; `lloyd` five
//! iterations from given centres; `plus_plus` the seeding of one run.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mlfast::cluster::kmeans::{assign, host::Alone, init, lloyd};
use mlfast::common::random::Mt19937;
use mlfast::common::{Context, Float};
use mlfast::linalg::Dense;

/// Rows, features, clusters.
const SHAPES: [(usize, usize, usize); 4] = [(20_000, 8, 16), (20_000, 32, 64), (2_000, 784, 100), (100, 4, 8)];

fn noise<F: Float>(len: usize) -> Vec<F> {
    let mut random = Mt19937::seeded(0);
    (0..len).map(|_| F::from_f64(random.next_f64())).collect()
}

fn bench_type<F: Float>(criterion: &mut Criterion, type_name: &str) {
    let ctx = Context::serial();
    for (n_rows, n_cols, n_clusters) in SHAPES {
        let values: Vec<F> = noise(n_rows * n_cols);
        let centers = &values[..n_clusters * n_cols];
        let Ok(x) = Dense::new(&values, n_rows, n_cols) else { return };
        let shape = format!("{type_name} {n_rows}x{n_cols} k={n_clusters}");

        let mut group = criterion.benchmark_group("nearest");
        group.throughput(Throughput::Elements((n_rows * n_cols * n_clusters) as u64));
        group.bench_function(BenchmarkId::from_parameter(&shape), |bencher| {
            bencher.iter(|| assign(&ctx, &x, centers));
        });
        group.finish();

        let mut group = criterion.benchmark_group("lloyd");
        let params = lloyd::Params { max_iter: 5, tol: F::ZERO, elkan: false };
        group.bench_function(BenchmarkId::from_parameter(&shape), |bencher| {
            bencher.iter(|| lloyd::run(&ctx, &x, None, centers.to_vec(), &params, &Alone));
        });
        group.finish();

        let mut group = criterion.benchmark_group("plus_plus");
        group.bench_function(BenchmarkId::from_parameter(&shape), |bencher| {
            bencher.iter(|| {
                let norms = init::squared_norms(&ctx, &x)?;
                init::plus_plus(&ctx, &x, &norms, None, n_clusters, None, &mut Mt19937::seeded(0))
            });
        });
        group.finish();
    }
}

fn benches(criterion: &mut Criterion) {
    bench_type::<f32>(criterion, "f32");
    bench_type::<f64>(criterion, "f64");
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(10);
    targets = benches
}
criterion_main!(all);
