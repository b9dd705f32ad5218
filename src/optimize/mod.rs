//! Optimisers: they know vectors and operators, not estimators.

pub mod conjugate;
pub mod coordinate_descent;
pub mod curved;
pub mod lbfgs;
pub mod lsqr;
pub mod more_thuente;
pub mod newton;
pub mod newton_cg;
pub mod schedule;
pub mod step;

pub use curved::Curved;
pub mod losses;
pub mod sgd;
pub mod tron;
