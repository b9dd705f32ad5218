//! k-means against itself: bounds, storages, blocks and threads must not change an answer.

use super::host::Alone;
use super::*;
use crate::common::context::Unmonitored;
use crate::linalg::norms;

fn noise(n_rows: usize, n_cols: usize, seed: u32) -> Vec<f64> {
    let mut random = Mt19937::seeded(seed);
    (0..n_rows * n_cols).map(|_| random.next_f64()).collect()
}

fn params(n_clusters: usize) -> Params<'static, f64> {
    Params {
        n_clusters,
        init: Init::PlusPlus,
        init_is_centred: false,
        n_init: 1,
        max_iter: 100,
        tol: 1e-4,
        elkan: false,
    }
}

/// The obvious algorithm: every distance by differences, every iteration.
fn plain_lloyd(x: &[f64], n_cols: usize, mut centers: Vec<f64>, max_iter: usize) -> (Vec<i32>, usize) {
    let mut labels = vec![-1; x.len() / n_cols];
    for iteration in 1..=max_iter {
        let former = labels.clone();
        for (row, label) in x.chunks_exact(n_cols).zip(&mut labels) {
            let distance = |center: &[f64]| norms::squared_distance(row, center);
            let squares: Vec<f64> = centers.chunks_exact(n_cols).map(distance).collect();
            *label = (0..squares.len()).fold(0, |best, at| if squares[at] < squares[best] { at } else { best }) as i32;
        }
        let n_clusters = centers.len() / n_cols;
        let mut counts = vec![0.0; n_clusters];
        let mut sums = vec![0.0; centers.len()];
        for (row, &label) in x.chunks_exact(n_cols).zip(&labels) {
            counts[label as usize] += 1.0;
            for column in 0..n_cols {
                sums[label as usize * n_cols + column] += row[column];
            }
        }
        for cluster in 0..n_clusters {
            for column in 0..n_cols {
                centers[cluster * n_cols + column] = sums[cluster * n_cols + column] / counts[cluster];
            }
        }
        if labels == former {
            return (labels, iteration);
        }
    }
    (labels, max_iter)
}

#[test]
fn bounds_change_no_label() {
    // Enough rows, clusters and iterations for bounds to be set up and used.
    for (n_rows, n_cols, n_clusters) in [(6000, 2, 12), (5000, 5, 16), (4000, 11, 30)] {
        let values = noise(n_rows, n_cols, 7);
        let init = values[..n_clusters * n_cols].to_vec();
        let x = Dense::new(&values, n_rows, n_cols);
        let run = x.and_then(|x| {
            let single = lloyd::Params { max_iter: 300, tol: 0.0, elkan: false };
            lloyd::run(&Context::serial(), &x, None, init.clone(), &single, &Alone)
        });
        let (labels, n_iter) = plain_lloyd(&values, n_cols, init, 300);
        assert!(n_iter > 20);
        assert!(run.is_ok_and(|run| run.labels == labels && run.n_iter == n_iter));
    }
}

#[test]
fn sparse_and_dense_rows_cluster_alike() {
    let (n_rows, n_cols) = (500, 6);
    let values: Vec<f64> =
        noise(n_rows, n_cols, 3).into_iter().map(|value| if value < 0.4 { 0.0 } else { value }).collect();
    let mut sparse = (Vec::new(), Vec::new(), vec![0]);
    for row in values.chunks_exact(n_cols) {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            sparse.0.push(value);
            sparse.1.push(column as u32);
        }
        sparse.2.push(sparse.0.len());
    }
    let dense = Dense::new(&values, n_rows, n_cols)
        .and_then(|x| fit_dense(&Context::serial(), &x, None, &params(5), &mut Mt19937::seeded(0), &Alone));
    let csr = Csr::new(&sparse.0, &sparse.1, &sparse.2, n_cols)
        .and_then(|x| fit_csr(&Context::serial(), &x, None, &params(5), &mut Mt19937::seeded(0), &Alone));
    assert!(matches!((dense, csr), (Ok(dense), Ok(csr))
        if dense.labels == csr.labels && (dense.inertia - csr.inertia).abs() < 1e-9 * csr.inertia));
}

#[test]
fn threads_change_no_bit() {
    let values = noise(20_000, 7, 5);
    let fit = |threads: usize| {
        let mut fitted = None;
        let (send, receive) = std::sync::mpsc::channel();
        let job = || {
            let x = Dense::new(&values, 20_000, 7)?;
            fit_dense(&Context::new(threads, &Unmonitored), &x, None, &params(9), &mut Mt19937::seeded(1), &Alone)
        };
        let ran = crate::common::parallel::beside_pool(
            threads,
            job,
            |job| send.send(job()).unwrap_or_default(),
            || fitted = receive.recv().ok(),
        );
        assert!(ran.is_ok());
        fitted.and_then(Result::ok).map(|fit| (fit.centers, fit.labels, fit.inertia.to_bits(), fit.n_iter))
    };
    let serial = fit(1);
    assert!(serial.is_some());
    for threads in [2, 3, 7, 16] {
        assert_eq!(fit(threads), serial);
    }
}

#[test]
fn more_clusters_than_different_rows() {
    let values = [1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0];
    let fit = Dense::new(&values, 4, 2)
        .and_then(|x| fit_dense(&Context::serial(), &x, None, &params(4), &mut Mt19937::seeded(0), &Alone));
    assert!(
        fit.is_ok_and(|fit| fit.inertia == 0.0 && fit.labels[0] == fit.labels[1] && fit.labels[0] != fit.labels[2])
    );
}
