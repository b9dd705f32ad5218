//! Dense and CSR rows, and the few products that algorithms need of them. Only this floor knows how rows are stored.

pub mod centred;
pub mod cholesky;
pub mod columns;
pub mod csr;
pub mod dense;
pub mod fused_pass;
pub mod gemm;
pub mod gram;
mod kernels;
pub mod linear;
pub mod margins;
pub mod norms;
pub mod packed_gemm;
pub mod panels;
pub mod products;
pub mod qr;
pub mod row_updates;
pub mod rows;
pub mod syrk;
pub mod tile;
pub mod vectors;

pub use csr::Csr;
pub use dense::Dense;
pub use panels::Panels;
pub use rows::{Nearest, Norm, RowSet, Rows, Scratch};
