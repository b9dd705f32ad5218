//! The index against the obvious loop.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::index::{Algorithm, Cache, Index, Sought, Stored};
use super::results::{Goal, Neighbor};
use super::vote::{Average, Ballot, Classes, Targets, Weights};
use crate::common::random::Mt19937;
use crate::common::{Context, Error, Float};
use crate::linalg::{Csr, Dense};
use crate::metrics::metric::Metric;

/// Rows of a kind: noise, tight clusters far apart, repeated rows, noise far from the origin, sorted rows.
fn rows(kind: usize, n_rows: usize, n_cols: usize, seed: u32) -> Vec<f64> {
    let mut random = Mt19937::seeded(seed);
    let mut values: Vec<f64> = (0..n_rows * n_cols).map(|_| random.next_f64()).collect();
    match kind {
        1 => {
            let shift = |row: usize| if row.is_multiple_of(2) { 1e3 } else { -1e3 };
            values.iter_mut().enumerate().for_each(|(i, value)| *value = *value * 1e-4 + shift(i / n_cols));
        }
        2 => values.iter_mut().for_each(|value| *value = (*value * 2.0).floor()),
        3 => values.iter_mut().for_each(|value| *value += 1e8),
        4 => values.sort_by(f64::total_cmp),
        _ => {}
    }
    values
}

/// The distance that the index promises, and its order.
fn obvious(rows: &[f64], query: &[f64], goal: Goal) -> Vec<(u64, u32)> {
    let rank = |row: &[f64]| row.iter().zip(query).fold(0.0, |sum: f64, (y, x)| sum + (x - y) * (x - y));
    let all = rows.chunks_exact(query.len()).zip(0..);
    let mut all: Vec<_> = all.map(|(y, row)| Neighbor { distance: rank(y), row }).collect();
    match goal {
        Goal::Nearest(k) => {
            all.sort_by(Neighbor::order);
            all.truncate(k);
        }
        Goal::Within(radius) => all.retain(|neighbor| neighbor.distance <= radius * radius),
    }
    all.iter().map(|neighbor| (neighbor.distance.sqrt().to_bits(), neighbor.row)).collect()
}

fn found<T: Float>(rows: &Stored<T>, algorithm: Algorithm, sought: Sought, goal: Goal) -> Vec<Vec<(u64, u32)>> {
    let cache = Cache::default();
    let index = Index { rows, metric: Metric::Euclidean, algorithm, with_distances: true, cache: &cache };
    let blocks = index.blocks(index.queries(sought).n_rows(), goal);
    let mut lists: Vec<Vec<Vec<(u64, u32)>>> = blocks.ranges().map(|block| vec![Vec::new(); block.len()]).collect();
    let searched =
        index.search(&Context::serial(), sought, goal, lists.iter_mut().collect(), |list, position, found| {
            list[position] = found.iter().map(|neighbor| (neighbor.distance.to_bits(), neighbor.row)).collect();
            Ok(())
        });
    searched.unwrap();
    lists.concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn searches_agree_with_the_obvious_loop(
        kind in 0usize..5, n_rows in 30usize..900, n_cols in prop_oneof![1usize..9, 20usize..70], k in 1usize..40,
        n_queries in 1usize..120, seed in 0u32..1000
    ) {
        let values = rows(kind, n_rows, n_cols, seed);
        let queries = rows(kind, n_queries, n_cols, seed + 1);
        let k = k.min(n_rows);
        let narrow: Vec<f32> = values.iter().map(|&value| value as f32).collect();
        let wide: Vec<f64> = narrow.iter().map(|&value| f64::from(value)).collect();
        let x = Stored::Dense(Dense::new(&values, n_rows, n_cols).unwrap());
        let x32 = Stored::Dense(Dense::new(&narrow, n_rows, n_cols).unwrap());
        let q = Stored::Dense(Dense::new(&queries, n_queries, n_cols).unwrap());
        let radius = (n_cols as f64).sqrt() * if kind == 1 { 3e-5 } else { 0.3 };
        // The last radius finds so many that all pairs are measured.
        for goal in [Goal::Nearest(k), Goal::Within(radius), Goal::Within(2.0 * radius.max(0.5))] {
            let expected = |rows: &[f64]| -> Vec<_> { queries.chunks(n_cols).map(|q| obvious(rows, q, goal)).collect() };
            for algorithm in [Algorithm::Auto, Algorithm::Brute] {
                prop_assert_eq!(found(&x, algorithm, Sought::New(&q), goal), expected(&values));
                prop_assert_eq!(found(&x32, algorithm, Sought::New(&q), goal), expected(&wide));
            }
            let own: Vec<_> = values.chunks(n_cols).map(|q| obvious(&values, q, goal)).collect();
            prop_assert_eq!(found(&x, Algorithm::Auto, Sought::Own, goal), own);
        }
    }

    #[test]
    fn sparse_rows_have_the_neighbours_of_dense_ones(n_rows in 5usize..60, n_cols in 1usize..12, seed in 0u32..1000) {
        // Whole numbers: all sums are exact.
        let values: Vec<f64> = rows(0, n_rows, n_cols, seed).iter().map(|value| (value * 6.0 - 3.0).max(0.0).round()).collect();
        let (mut stored, mut columns, mut starts) = (Vec::new(), Vec::new(), vec![0]);
        for row in values.chunks(n_cols) {
            for (column, &value) in (0u32..).zip(row).filter(|(_, value)| **value != 0.0) {
                stored.push(value);
                columns.push(column);
            }
            starts.push(stored.len());
        }
        let sparse = Stored::Csr(Csr::new(&stored, &columns, &starts, n_cols).unwrap());
        for goal in [Goal::Nearest(n_rows.min(4)), Goal::Within(2.0)] {
            let own: Vec<_> = values.chunks(n_cols).map(|q| obvious(&values, q, goal)).collect();
            prop_assert_eq!(found(&sparse, Algorithm::Auto, Sought::Own, goal), own);
        }
    }
}

#[test]
fn neighbours_vote_and_average() {
    let near = [(0.0, 2), (1.0, 0), (2.0, 1)].map(|(distance, row)| Neighbor { distance, row });
    let classes = Classes::new(&[1, 1, 0], &[2], 3).unwrap();
    let mut elected = [9];
    Ballot::new(classes, Weights::Uniform).elect(&near, &mut elected).unwrap();
    assert_eq!(elected, [1]);
    Ballot::new(classes, Weights::Distance).elect(&near, &mut elected).unwrap();
    assert_eq!(elected, [0]); // the row at distance 0 alone counts
    let mut fractions = [0.0; 2];
    Ballot::new(classes, Weights::Distance).fractions(&near[1..], [&mut fractions[..]].into_iter()).unwrap();
    assert_eq!(fractions, [0.0, 1.0]);
    let (mut first, mut second) = ([9.0; 2], [9.0; 3]);
    let two = Classes::new(&[1, 2, 1, 0, 0, 0], &[2, 3], 3).unwrap();
    Ballot::new(two, Weights::Uniform).fractions(&near[1..], [&mut first[..], &mut second].into_iter()).unwrap();
    assert_eq!((first, second), ([0.0, 1.0], [0.5, 0.0, 0.5]));
    for wrong in [7, -1, i64::MAX, i64::MIN] {
        let codes = [1, 1, wrong];
        let mut ballot = Ballot::new(Classes::new(&codes, &[2], 3).unwrap(), Weights::Uniform);
        assert!(matches!(ballot.count(&near), Err(Error::Corrupt(_))));
    }
    for none in [&[][..], &[0], &[2, 0]] {
        assert!(matches!(Classes::new(&[1, 1, 0], none, 3), Err(Error::Corrupt(_))));
    }
    let mut mean = [0.0];
    let (narrow, whole) = (Targets::F32(&[10.0, 20.0, 40.0]), Targets::I64(&[10, 20, 40]));
    for targets in [Targets::F64(&[10.0, 20.0, 40.0]), narrow, whole] {
        Average::new(targets, 1, Weights::Distance).of(&near[1..], &mut mean);
        assert_eq!(mean, [20.0 / 1.5]);
    }
}
