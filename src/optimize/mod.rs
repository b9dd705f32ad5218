//! Optimisers: they know vectors and operators, not estimators.

pub mod conjugate;
pub mod lsqr;
pub mod step;
