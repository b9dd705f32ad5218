//! Linear support vector machines, and logistic regression by the same solvers: those of LIBLINEAR.
//!
//! [`train`] makes one problem for each class of them and hands it to a solver: trust-region Newton ([`primal`]),
//! coordinate descent on the dual ([`dual`], [`dual_logistic`], [`dual_regression`]) or on the coefficients under an L1
//! penalty ([`sparse_hinge`], [`sparse_logistic`]); [`crammer_singer`] takes all classes at once.
//!
//! Reference: R.-E. Fan, K.-W. Chang, C.-J. Hsieh, X.-R. Wang, C.-J. Lin, "LIBLINEAR: a library for large linear
//! classification", JMLR 9 (2008).

mod active;
mod crammer_singer;
mod dual;
mod dual_logistic;
mod dual_regression;
mod primal;
mod samples;
mod sparse_hinge;
mod sparse_logistic;
pub mod train;
