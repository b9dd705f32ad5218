//! Ground floor: what every algorithm needs and what knows nothing of machine learning.

pub mod context;
pub mod double_double;
pub mod elementary;
pub mod error;
pub mod float;
pub mod memory;
pub mod pairwise;
pub mod parallel;
pub mod random;
pub mod settings;
pub mod simd;

pub use context::Context;
pub use error::{Error, Result};
pub use float::Float;
