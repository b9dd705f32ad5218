//! Throws arbitrary tables at the doors that believe nothing: stored trees and CSR matrices.
//!
//! What a door lets in must be safe to use; what it does not let in must be refused again wherever it is used without
//! having been asked. Nothing may panic. `make fuzz` draws many more cases than `cargo test` (`PROPTEST_CASES`).

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use mlfast::common::{Context, Error};
use mlfast::ensemble::vote::{self, Member};
use mlfast::linalg::Csr;
use mlfast::tree::walk::{self, Samples};
use mlfast::tree::{Node, check, paths, prune};
use proptest::collection::vec;
use proptest::prelude::*;

/// Features of the samples.
const N_FEATURES: usize = 3;

/// A place in a table of `len` entries, or near its ends, or anywhere.
fn place(len: usize) -> impl Strategy<Value = i64> {
    let len = len as i64;
    prop_oneof![8 => 0..len.max(1), 2 => -3..len + 3, 1 => any::<i64>()]
}

/// A node of a table of `len` nodes: mostly one that could stand there.
fn node(at: usize, len: usize) -> impl Strategy<Value = Node> {
    let behind = move || prop_oneof![6 => (at as i64 + 1)..(len as i64 + 1), 1 => place(len)];
    let feature = prop_oneof![8 => 0..N_FEATURES as i64, 1 => -2..5_i64, 1 => any::<i64>()];
    let threshold = prop_oneof![8 => -2.0..2.0, 1 => any::<f64>()];
    let leaf = Just(Node::leaf(0.0, 1, 1.0));
    let split = (behind(), behind(), feature, threshold, any::<u8>(), prop_oneof![9 => 0..9_i64, 1 => any::<i64>()])
        .prop_map(|(left_child, right_child, feature, threshold, missing, n_node_samples)| Node {
            left_child,
            right_child,
            feature,
            threshold,
            missing_go_to_left: if missing < 250 { missing % 2 } else { missing },
            n_node_samples,
            ..Node::leaf(0.5, 1, 1.0)
        });
    prop_oneof![1 => leaf, 1 => split]
}

/// Tables of nodes, few of which are trees.
fn table() -> impl Strategy<Value = Vec<Node>> {
    (0_usize..12).prop_flat_map(|len| (0..len).map(|at| node(at, len)).collect::<Vec<_>>())
}

/// Trees: every split has the two nodes behind all that were there before it.
fn tree() -> impl Strategy<Value = Vec<Node>> {
    vec((0..N_FEATURES as i64, -2.0..2.0, any::<bool>()), 0..12).prop_map(|splits| {
        let mut nodes = vec![Node::leaf(0.0, 1, 1.0)];
        for (at, (feature, threshold, missing)) in splits.into_iter().enumerate() {
            let (left_child, right_child) = (nodes.len() as i64, nodes.len() as i64 + 1);
            nodes[at] = Node {
                left_child,
                right_child,
                feature,
                threshold,
                missing_go_to_left: missing.into(),
                ..Node::leaf(0.5, 2, 2.0)
            };
            nodes.extend([Node::leaf(0.0, 1, 1.0); 2]);
        }
        nodes
    })
}

/// Values of whole rows: few, or so many that the tree is packed.
fn samples() -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![8 => -2.0_f32..2.0, 1 => any::<f32>()];
    prop_oneof![1_usize..4, 60_usize..90].prop_flat_map(move |rows| vec(value.clone(), rows * N_FEATURES))
}

/// Whether an answer is one, or the refusal of a corrupt state.
fn is_answer_or_refusal<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Ok(_) | Err(Error::Corrupt(_) | Error::Shape { .. }))
}

/// Asks for all that can be asked of a table, and says whether everything was answered.
fn ask(nodes: &[Node], values: &[f64], rows: &[f32]) -> Result<bool, TestCaseError> {
    let (ctx, samples) = (Context::serial(), Samples::Dense(rows, N_FEATURES));
    let applied = walk::apply(&ctx, nodes, samples);
    if let Ok(leaves) = &applied {
        let is_leaf =
            |&leaf: &i64| usize::try_from(leaf).ok().and_then(|leaf| nodes.get(leaf)).is_some_and(Node::is_leaf);
        prop_assert!(leaves.iter().all(is_leaf));
    }
    let predicted = walk::predict(&ctx, nodes, values, 2, samples);
    let passed = paths::decision_path(&ctx, nodes, samples);
    let members = [Member { nodes, values }; 2];
    let summed = vote::sum(&ctx, &members, 2, samples);
    let all = [applied.is_ok(), predicted.is_ok(), passed.is_ok(), summed.is_ok()];
    prop_assert!(is_answer_or_refusal(&applied) && is_answer_or_refusal(&predicted));
    prop_assert!(is_answer_or_refusal(&passed) && is_answer_or_refusal(&summed));
    prop_assert!(is_answer_or_refusal(&prune::path(&ctx, nodes, N_FEATURES)));
    prop_assert!(is_answer_or_refusal(&prune::prune(&ctx, nodes, values, (1, 2), N_FEATURES, 0.1)));
    Ok(all.iter().all(|&answered| answered))
}

proptest! {
    #[test]
    fn any_table_is_a_tree_or_refused(nodes in table(), rows in samples(), depth in 0_usize..14) {
        let values = vec![0.5; 2 * nodes.len()];
        let is_tree = check::check(&nodes, N_FEATURES, depth).is_ok();
        let is_answered = ask(&nodes, &values, &rows)?;
        prop_assert!(is_answered || !is_tree, "the check let in what cannot be walked");
    }

    #[test]
    fn trees_are_let_in_and_answer(nodes in tree(), rows in samples()) {
        let values = vec![0.5; 2 * nodes.len()];
        prop_assert!(check::check(&nodes, N_FEATURES, nodes.len()).is_ok());
        prop_assert!(ask(&nodes, &values, &rows)?);
    }

    #[test]
    fn values_that_are_cut_are_refused(nodes in tree(), rows in samples(), len in 0_usize..50) {
        ask(&nodes, &vec![0.5; len], &rows)?;
    }

    #[test]
    fn any_csr_matrix_is_whole_or_refused(
        values in vec(any::<f32>(), 0..12),
        indices in vec(prop_oneof![9 => 0_u32..5, 1 => any::<u32>()], 0..12),
        mut starts in vec(prop_oneof![9 => 0_usize..12, 1 => any::<usize>()], 0..6),
        n_cols in 0_usize..6,
        is_plain in any::<bool>(),
    ) {
        if is_plain {
            starts.insert(0, 0);
            starts.sort_unstable();
        }
        let Ok(matrix) = Csr::new(&values, &indices, &starts, n_cols) else { return Ok(()) };
        let n_rows = starts.len() - 1;
        for row in 0..n_rows {
            prop_assert!(matrix.row(row).all(|(column, _)| column < n_cols));
        }
        let samples = Samples::Csr(&matrix, n_rows, n_cols);
        let leaf = [Node::leaf(0.0, 1, 1.0)];
        prop_assert_eq!(walk::apply(&Context::serial(), &leaf, samples).expect("a leaf is a tree").len(), n_rows);
        let merged = matrix.merged().expect("memory for a few values");
        for row in 0..n_rows {
            let columns: Vec<usize> = merged.row(row).map(|(column, _)| column).collect();
            prop_assert!(columns.is_sorted_by(|a, b| a < b));
        }
    }
}
