//! Optimisers: they know vectors and operators, not estimators.

pub mod conjugate;
pub mod coordinate_descent;
pub mod lsqr;
