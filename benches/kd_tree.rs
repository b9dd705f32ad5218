//! Micro-benchmarks of the kd-tree: `cargo bench --features bench --bench kd_tree`.
//!
//! One thread, uniform noise. `build` is the tree alone; `own` looks for the neighbours of its rows, `others` for those
//! of a twentieth as many new rows.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mlfast::common::Context;
use mlfast::common::random::Mt19937;
use mlfast::metrics::distance::Euclidean;
use mlfast::neighbors::kd_tree::KdTree;

/// Rows, features, neighbours.
const SHAPES: [(usize, usize, usize); 4] = [(200_000, 3, 5), (100_000, 2, 1), (20_000, 8, 10), (1_000, 3, 5)];

fn noise(len: usize, seed: u32) -> Vec<f64> {
    let mut random = Mt19937::seeded(seed);
    (0..len).map(|_| random.next_f64()).collect()
}

fn benches(criterion: &mut Criterion) {
    let ctx = Context::serial();
    for (n_rows, n_cols, k) in SHAPES {
        let (values, queries) = (noise(n_rows * n_cols, 1), noise(n_rows / 20 * n_cols, 2));
        let Ok(tree) = KdTree::build(&ctx, &values, n_rows, n_cols) else { return };
        let shape = BenchmarkId::from_parameter(format!("{n_rows}x{n_cols} k={k}"));
        let (mut distances, mut indices) = (vec![0.0; n_rows * k], vec![0; n_rows * k]);

        let mut group = criterion.benchmark_group("build");
        group.throughput(Throughput::Elements(n_rows as u64));
        group.bench_function(shape.clone(), |bencher| bencher.iter(|| KdTree::build(&ctx, &values, n_rows, n_cols)));
        group.finish();

        let mut group = criterion.benchmark_group("own");
        group.throughput(Throughput::Elements(n_rows as u64));
        group.bench_function(shape.clone(), |bencher| {
            bencher.iter(|| tree.nearest_to_own(&ctx, Euclidean, k, &mut distances, &mut indices));
        });
        group.finish();

        let (distances, indices) = (&mut distances[..n_rows / 20 * k], &mut indices[..n_rows / 20 * k]);
        let mut group = criterion.benchmark_group("others");
        group.throughput(Throughput::Elements((n_rows / 20) as u64));
        group.bench_function(shape, |bencher| {
            bencher.iter(|| tree.nearest(&ctx, Euclidean, &queries, k, distances, indices));
        });
        group.finish();
    }
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(10);
    targets = benches
}
criterion_main!(all);
