//! Optimisers: they know vectors and operators, not estimators.

pub mod conjugate;
pub mod coordinate_descent;
pub mod curved;
pub mod lbfgs;
pub mod losses;
pub mod lsqr;
pub mod more_thuente;
pub mod newton;
pub mod newton_cg;
pub mod sag;
pub mod schedule;
pub mod sgd;
pub mod step;
pub mod tron;

pub use curved::Curved;
