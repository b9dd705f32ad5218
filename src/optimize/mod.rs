//! Optimisers: they know vectors and operators, not estimators.

pub mod conjugate;
pub mod lbfgs;
pub mod lsqr;
pub mod more_thuente;
pub mod step;
