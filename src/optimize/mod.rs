//! Optimisers: they know vectors and operators, not estimators.

pub mod conjugate;
pub mod losses;
pub mod lsqr;
pub mod sgd;
