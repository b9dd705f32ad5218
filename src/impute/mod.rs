//! The imputation room: missing values filled in from what is there.

pub mod knn;
mod nearest;
