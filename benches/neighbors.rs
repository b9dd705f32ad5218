//! Micro-benchmarks of the neighbours room: `cargo bench --features bench --bench neighbors`.
//!
//! One thread, uniform noise. `brute` is a search without a tree with its pairs of rows times features per second: a
//! sieve in front of exact ranks for the euclidean metric, exact distances by blocks for the others. `classify` adds the
//! votes; its last shape is one query among rows that earlier searches have packed.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mlfast::common::random::Mt19937;
use mlfast::common::{Context, Float};
use mlfast::linalg::Dense;
use mlfast::metrics::metric::Metric;
use mlfast::neighbors::index::{Algorithm, Cache, Index, Sought, Stored};
use mlfast::neighbors::results::Goal;
use mlfast::neighbors::vote::{Ballot, Classes, Weights};

/// Queries, rows, features, neighbours.
const SEARCHES: [(usize, usize, usize, usize); 4] =
    [(1_000, 20_000, 64, 10), (2_000, 20_000, 20, 15), (500, 5_000, 784, 5), (100, 100, 4, 5)];
const ELECTIONS: [(usize, usize, usize, usize); 2] = [(2_000, 20_000, 20, 15), (1, 5_000, 20, 5)];
const N_CLASSES: usize = 10;

fn noise<F: Float>(len: usize) -> Vec<F> {
    let mut random = Mt19937::seeded(0);
    (0..len).map(|_| F::from_f64(random.next_f64())).collect()
}

fn bench_searches<F: Float>(criterion: &mut Criterion, type_name: &str) {
    let ctx = Context::serial();
    for metric in [Metric::Euclidean, Metric::Manhattan] {
        for (n_queries, n_rows, n_cols, k) in SEARCHES {
            let values: Vec<F> = noise((n_queries + n_rows) * n_cols);
            let (known, asked) = values.split_at(n_rows * n_cols);
            let Ok(rows) = Dense::new(known, n_rows, n_cols) else { return };
            let Ok(queries) = Dense::new(asked, n_queries, n_cols) else { return };
            let (rows, queries) = (Stored::Dense(rows), Stored::Dense(queries));

            let mut group = criterion.benchmark_group(format!("brute, {metric:?}"));
            group.throughput(Throughput::Elements((n_queries * n_rows * n_cols) as u64));
            let shape = format!("{type_name} {n_queries} in {n_rows}x{n_cols} k={k}");
            group.bench_function(BenchmarkId::from_parameter(shape), |bencher| {
                bencher.iter(|| {
                    let index = Index {
                        rows: &rows,
                        metric,
                        algorithm: Algorithm::Brute,
                        cache: &Cache::default(),
                        with_distances: true,
                    };
                    let sums = vec![0.0; index.blocks(n_queries, Goal::Nearest(k)).count()];
                    index.search(&ctx, Sought::New(&queries), Goal::Nearest(k), sums, |sum, _, found| {
                        *sum += found.iter().map(|neighbor| neighbor.distance).sum::<f64>();
                        Ok(())
                    })
                });
            });
            group.finish();
        }
    }
}

fn bench_votes(criterion: &mut Criterion) {
    let ctx = Context::serial();
    for (n_queries, n_rows, n_cols, k) in ELECTIONS {
        let values: Vec<f64> = noise((n_queries + n_rows) * n_cols);
        let (known, asked) = values.split_at(n_rows * n_cols);
        let codes: Vec<i64> = (0..n_rows).map(|row| (row % N_CLASSES) as i64).collect();
        let Ok(rows) = Dense::new(known, n_rows, n_cols) else { return };
        let Ok(queries) = Dense::new(asked, n_queries, n_cols) else { return };
        let Ok(classes) = Classes::new(&codes, &[N_CLASSES], n_rows) else { return };
        let (rows, queries, cache) = (Stored::Dense(rows), Stored::Dense(queries), Cache::default());
        let index = Index {
            rows: &rows,
            metric: Metric::Euclidean,
            algorithm: Algorithm::Brute,
            cache: &cache,
            with_distances: true,
        };
        let goal = Goal::Nearest(k);

        let mut group = criterion.benchmark_group("classify");
        group.throughput(Throughput::Elements(n_queries as u64));
        let shape = format!("f64 {n_queries} in {n_rows}x{n_cols} k={k}");
        group.bench_function(BenchmarkId::from_parameter(shape), |bencher| {
            bencher.iter(|| {
                let ballots: Vec<_> = (0..index.blocks(n_queries, goal).count())
                    .map(|_| (Ballot::new(classes, Weights::Distance), [0]))
                    .collect();
                index.search(&ctx, Sought::New(&queries), goal, ballots, |(ballot, elected), _, found| {
                    ballot.elect(found, elected)
                })
            });
        });
        group.finish();
    }
}

fn benches(criterion: &mut Criterion) {
    bench_searches::<f32>(criterion, "f32");
    bench_searches::<f64>(criterion, "f64");
    bench_votes(criterion);
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(10);
    targets = benches
}
criterion_main!(all);
