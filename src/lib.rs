//! The Rust core of mlfast: scikit-learn's estimators, the same answers, sooner.
//!
//! Read `src/README.md` for the map. Floors, bottom to top: [`common`], [`linalg`], [`metrics`], the rooms
//! ([`cluster`], ...), and the front door to Python (feature `python`).

pub mod cluster;
pub mod common;
pub mod ensemble;
pub mod impute;
pub mod linalg;
pub mod linear_model;
pub mod metrics;
pub mod naive_bayes {
    //! Naive Bayes: in each class the features are independent of each other.
    pub mod gaussian;
}
pub mod neighbors;
pub mod neural_network;
pub mod optimize;
#[cfg(feature = "python")]
mod python;
pub mod svm;
pub mod tree;
