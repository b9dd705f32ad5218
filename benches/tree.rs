//! Micro-benchmarks of growing trees: `cargo bench --features bench --bench tree`.
//!
//! One thread, uniform noise with a little signal. `columns` sorts them; the others grow one tree on columns that are
//! ready.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mlfast::common::Context;
use mlfast::common::random::Mt19937;
use mlfast::tree::grow::{Columns, CriterionKind, Params, SplitterKind, Targets, grow};

/// Rows, features.
const SHAPES: [(usize, usize); 2] = [(50_000, 20), (1_000, 10)];

fn params(criterion: CriterionKind, splitter: SplitterKind, max_features: usize) -> Params<'static> {
    Params {
        criterion,
        splitter,
        max_depth: usize::MAX,
        min_samples_split: 2,
        min_samples_leaf: 1,
        min_weight_leaf: 0.0,
        max_features,
        max_leaf_nodes: None,
        min_impurity_decrease: 0.0,
        monotonic: None,
    }
}

fn benches(criterion: &mut Criterion) {
    let ctx = Context::serial();
    for (n_rows, n_columns) in SHAPES {
        let mut random = Mt19937::seeded(1);
        let x: Vec<f32> = (0..n_rows * n_columns).map(|_| random.next_f64() as f32).collect();
        let y: Vec<f64> = x.chunks_exact(n_columns).map(|row| f64::from(row[0]) + random.next_f64()).collect();
        let codes: Vec<u32> = y.iter().map(|&y| u32::from(y > 1.0)).collect();
        let classes = Targets::Classes { codes: &codes, n_classes: &[2] };
        let values = Targets::Values { values: &y, n_outputs: 1 };
        let Ok(columns) = Columns::dense(&ctx, &x, n_rows, n_columns) else { return };

        let mut group = criterion.benchmark_group("tree");
        group.throughput(Throughput::Elements((n_rows * n_columns) as u64));
        let shape = format!("{n_rows}x{n_columns}");
        group.bench_function(BenchmarkId::new("columns", &shape), |bencher| {
            let params = params(CriterionKind::Gini, SplitterKind::Best, n_columns);
            bencher.iter(|| Columns::dense(&ctx, &x, n_rows, n_columns).and_then(|made| made.prepare(&ctx, &params)));
        });
        let cases = [
            ("gini", &classes, params(CriterionKind::Gini, SplitterKind::Best, n_columns)),
            ("gini, 4 features", &classes, params(CriterionKind::Gini, SplitterKind::Best, 4)),
            ("gini, random", &classes, params(CriterionKind::Gini, SplitterKind::Random, 4)),
            ("entropy", &classes, params(CriterionKind::Entropy, SplitterKind::Best, n_columns)),
            ("squared error", &values, params(CriterionKind::SquaredError, SplitterKind::Best, n_columns)),
            ("squared error, random", &values, params(CriterionKind::SquaredError, SplitterKind::Random, n_columns)),
        ];
        for (name, targets, params) in cases {
            group.bench_function(BenchmarkId::new(name, &shape), |bencher| {
                bencher.iter(|| grow(&ctx, &columns, targets, None, &params, 1));
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(10);
    targets = benches
}
criterion_main!(all);
