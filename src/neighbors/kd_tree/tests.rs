//! The tree against the obvious loop: same rows, same bits, for every metric, instruction set and number of threads.

use proptest::prelude::*;

use super::*;
use crate::common::context::Unmonitored;
use crate::common::random::Mt19937;
use crate::common::simd::Isa;
use crate::metrics::distance::{Additive, Chebyshev, Euclidean, Manhattan, Minkowski};
use crate::neighbors::results::Neighbor as Near;

fn noise(len: usize, seed: u32) -> Vec<f64> {
    let mut random = Mt19937::seeded(seed);
    (0..len).map(|_| random.next_f64()).collect()
}

/// Every rank, sorted.
fn sorted<M: Additive>(metric: M, values: &[f64], query: &[f64]) -> Vec<(f64, u32)> {
    let rank = |(row, point): (usize, &[f64])| (metric.rank_of(query, point), row as u32);
    let mut all: Vec<_> = values.chunks_exact(query.len()).enumerate().map(rank).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn isas() -> impl Iterator<Item = Isa> {
    [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available())
}

/// Compares all searches of a tree of `values` with the plain loop.
fn check<M: Additive>(metric: M, values: &[f64], n_cols: usize, queries: &[f64], k: usize) {
    let ctx = Context::serial();
    let (n_rows, n_queries) = (values.len() / n_cols, queries.len() / n_cols);
    let tree = KdTree::build(&ctx, values, n_rows, n_cols).unwrap();
    let plain: Vec<_> = queries.chunks_exact(n_cols).map(|query| sorted(metric, values, query)).collect();
    let of_queries = KdTree::build(&ctx, queries, n_queries, n_cols).unwrap();
    for isa in isas() {
        for together in [false, true] {
            let (mut distances, mut indices) = (vec![0.0; n_queries * k], vec![0; n_queries * k]);
            tree.search(&ctx, isa, metric, &of_queries, together, k, &mut distances, &mut indices).unwrap();
            let nearest = || plain.iter().flat_map(|all| &all[..k]);
            assert_eq!(bits(&distances), nearest().map(|n| metric.distance(n.0).to_bits()).collect::<Vec<_>>());
            assert_eq!(indices, nearest().map(|n| i64::from(n.1)).collect::<Vec<_>>());
        }
        let Some(first) = plain.first() else { continue };
        let radius = metric.distance(first[first.len() / 3].0);
        // The second radius takes in whole nodes.
        for (radius, together) in [(radius, true), (radius, false), (metric.distance(first[first.len() - 1].0), true)] {
            for with_distances in [false, true] {
                let mut reach = Reach::new(&tree, with_distances).unwrap();
                let mut found = vec![None; n_queries];
                let keep = |query: usize, near: &mut [Near]| {
                    assert!(found[query].replace(near.to_vec()).is_none());
                    Ok(())
                };
                tree.within_on(&ctx, isa, metric, queries, together, radius, &mut reach, keep).unwrap();
                for (found, all) in found.into_iter().zip(&plain) {
                    let found = found.unwrap();
                    let mut near: Vec<_> = all.iter().copied().filter(|n| n.0 <= metric.rank(radius)).collect();
                    near.sort_by_key(|n| n.1);
                    assert!(found.iter().map(|n| n.row).eq(near.iter().map(|n| n.1)));
                    if with_distances {
                        let distances = near.iter().map(|n| metric.distance(n.0).to_bits());
                        assert!(found.iter().map(|n| n.distance.to_bits()).eq(distances));
                    }
                }
            }
        }
    }
}

fn check_all(values: &[f64], n_cols: usize, queries: &[f64], k: usize) {
    check(Euclidean, values, n_cols, queries, k);
    check(Manhattan, values, n_cols, queries, k);
    check(Chebyshev, values, n_cols, queries, k);
    check(Minkowski { p: 3.0 }, values, n_cols, queries, k);
    check(Minkowski { p: 1.5 }, values, n_cols, queries, k);
}

/// Values of a kind: fine noise, a coarse grid with many ties, noise far from the origin, tiny and huge numbers.
fn value_of(kind: usize, unit: f64) -> f64 {
    match kind {
        0 => unit,
        1 => (unit * 4.0).floor(),
        2 => 1e8 + unit,
        3 => 10f64.powf(unit * 500.0 - 250.0),
        _ => (unit - 0.5) * f64::MAX,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn agrees_with_the_plain_loop(
        n_rows in 1_usize..200,
        n_cols in 1_usize..6,
        n_queries in 0_usize..40,
        part in 0.0_f64..1.0,
        kind in 0_usize..5,
        constant in any::<bool>(),
        seed in any::<u32>(),
    ) {
        let mut units = noise((n_rows + n_queries) * n_cols, seed);
        if constant {
            units.iter_mut().step_by(n_cols).for_each(|unit| *unit = 0.25);
        }
        let values: Vec<f64> = units.iter().map(|&unit| value_of(kind, unit)).collect();
        let (values, queries) = values.split_at(n_rows * n_cols);
        let k = 1 + ((n_rows - 1) as f64 * part * part) as usize;
        check_all(values, n_cols, queries, k);
        check(Euclidean, values, n_cols, values, k);
    }
}

#[test]
fn one_row_and_every_row() {
    check_all(&[1.0, 2.0], 2, &[0.0, 0.0, 1.0, 2.0], 1);
    let values = noise(70 * 3, 1);
    check_all(&values, 3, &values, 70);
    check(Euclidean, &noise(500 * 12, 2), 12, &noise(50 * 12, 3), 40);
}

#[test]
fn own_rows_are_queries_like_others() {
    let values = noise(3000 * 3, 4);
    let tree = KdTree::build(&Context::serial(), &values, 3000, 3).unwrap();
    for k in [1, 5, 40] {
        let (mut distances, mut indices) = (vec![0.0; 3000 * k], vec![0; 3000 * k]);
        let (mut own_distances, mut own_indices) = (distances.clone(), indices.clone());
        tree.nearest(&Context::serial(), Euclidean, &values, k, &mut distances, &mut indices).unwrap();
        tree.nearest_to_own(&Context::serial(), Euclidean, k, &mut own_distances, &mut own_indices).unwrap();
        assert_eq!(bits(&distances), bits(&own_distances));
        assert_eq!(indices, own_indices);
        assert!((0..3000).all(|row| indices[row * k] == row as i64 && distances[row * k] == 0.0));
    }
}

#[test]
fn narrow_values_are_widened() {
    let narrow: Vec<f32> = noise(400 * 2, 5).into_iter().map(|value| value as f32).collect();
    let wide: Vec<f64> = narrow.iter().map(|&value| f64::from(value)).collect();
    let of_narrow = KdTree::build(&Context::serial(), &narrow, 400, 2).unwrap();
    let of_wide = KdTree::build(&Context::serial(), &wide, 400, 2).unwrap();
    assert_eq!((of_narrow.rows, of_narrow.leaves), (of_wide.rows, of_wide.leaves));
}

/// With a walk into every leaf of equal rows this would take minutes.
#[test]
fn equal_rows_are_no_harder() {
    let n_rows = 100_000;
    for values in [vec![1.5; n_rows * 2], (0..n_rows * 2).map(|i| (i / 2 % 3) as f64).collect()] {
        let tree = KdTree::build(&Context::serial(), &values, n_rows, 2).unwrap();
        let (mut distances, mut indices) = (vec![1.0; n_rows * 5], vec![0; n_rows * 5]);
        tree.nearest_to_own(&Context::serial(), Euclidean, 5, &mut distances, &mut indices).unwrap();
        assert!(distances.iter().all(|&distance| distance == 0.0));
        let step = if values[2] == 1.5 { 1 } else { 3 };
        for (row, indices) in indices.chunks_exact(5).enumerate() {
            let first = row as i64 % step;
            assert_eq!(indices, [first, first + step, first + 2 * step, first + 3 * step, first + 4 * step]);
        }
    }
}

#[test]
fn threads_change_nothing() {
    let values = noise(20_000 * 3, 6);
    let queries = noise(5000 * 3, 7);
    let run = |threads: usize| {
        let (send, receive) = std::sync::mpsc::channel();
        let job = || {
            let ctx = Context::new(threads, &Unmonitored);
            let tree = KdTree::build(&ctx, &values, 20_000, 3).unwrap();
            let (mut distances, mut indices) = (vec![0.0; 5000 * 4], vec![0; 5000 * 4]);
            tree.nearest(&ctx, Manhattan, &queries, 4, &mut distances, &mut indices).unwrap();
            let (mut own_distances, mut own_indices) = (vec![0.0; 20_000 * 4], vec![0; 20_000 * 4]);
            tree.nearest_to_own(&ctx, Euclidean, 4, &mut own_distances, &mut own_indices).unwrap();
            let all = [bits(&distances), bits(&own_distances), bits(&tree.boxes)];
            (tree.rows, all, indices, own_indices)
        };
        let mut result = None;
        let run = |job: &(dyn Fn() -> _ + Sync)| send.send(job()).unwrap();
        let job: &(dyn Fn() -> _ + Sync) = &job;
        let ran = crate::common::parallel::beside_pool(threads, job, run, || result = receive.recv().ok());
        assert!(ran.is_ok());
        result.unwrap()
    };
    let alone = run(1);
    assert!(alone == run(2));
    assert!(alone == run(3));
}

#[test]
fn bad_shapes_are_refused() {
    let ctx = Context::serial();
    assert!(matches!(KdTree::build(&ctx, &[0.0; 3], 2, 2), Err(Error::Shape { .. })));
    assert!(matches!(KdTree::build::<f64>(&ctx, &[], 2, 0), Err(Error::InvalidArgument(_))));
    let tree = KdTree::build(&ctx, &[0.0; 4], 2, 2).unwrap();
    assert!(matches!(tree.nearest_to_own(&ctx, Euclidean, 1, &mut [0.0], &mut [0]), Err(Error::Shape { .. })));
    let outcome = tree.nearest(&ctx, Euclidean, &[0.0; 2], 3, &mut [0.0; 3], &mut [0; 3]);
    assert!(matches!(outcome, Err(Error::InvalidArgument(_))));
    let outcome = tree.nearest(&ctx, Euclidean, &[0.0; 3], 1, &mut [0.0], &mut [0]);
    assert!(matches!(outcome, Err(Error::Shape { .. })));
    let empty = KdTree::build::<f64>(&ctx, &[], 0, 2).unwrap();
    let mut reach = Reach::new(&empty, true).unwrap();
    let mut counts = Vec::new();
    let count = |query: usize, near: &mut [Near]| {
        counts.push((query, near.len()));
        Ok(())
    };
    empty.within(&ctx, Euclidean, &[0.0; 2], 1.0, &mut reach, count).unwrap();
    assert_eq!(counts, [(0, 0)]);
}

#[test]
fn a_tree_is_worth_it_where_rows_are_told_apart_early() {
    let ctx = Context::serial();
    let flat = noise(20_000 * 2, 8);
    let tree = KdTree::build(&ctx, &flat, 20_000, 2).unwrap();
    assert!(is_worth_it(20_000, 2, 5) && tree.is_worth_it(Euclidean, 5).unwrap());
    let deep = noise(2000 * 40, 9);
    let tree = KdTree::build(&ctx, &deep, 2000, 40).unwrap();
    assert!(!is_worth_it(2000, 40, 5) && !tree.is_worth_it(Euclidean, 5).unwrap());
    // Forty features that follow one: the size of the data does not tell, a look at them does.
    let curve: Vec<f64> = (0..20_000 * 40).map(|i| flat[i / 40] * (i % 40) as f64).collect();
    let tree = KdTree::build(&ctx, &curve, 20_000, 40).unwrap();
    assert!(!is_worth_it(20_000, 40, 5) && tree.is_worth_it(Euclidean, 5).unwrap());
    assert_eq!(KdTree::build::<f64>(&ctx, &[], 0, 2).unwrap().fraction_met(Euclidean, 1).unwrap(), 0.0);
}
