//! Optimisers: they know vectors and operators, not estimators.

pub mod conjugate;
pub mod coordinate_descent;
pub mod lbfgs;
pub mod losses;
pub mod lsqr;
pub mod more_thuente;
pub mod newton;
pub mod newton_cg;
pub mod optimizers;
pub mod sag;
pub mod schedule;
pub mod sgd;
pub mod tron;
pub mod twice_differentiable;

pub use twice_differentiable::TwiceDifferentiable;
