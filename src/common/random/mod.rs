//! Bit-exact ports of the generators that scikit-learn draws from.
//!
//! [`Mt19937`] is NumPy's legacy `RandomState`, [`Pcg64`] its `Generator`; [`OurRandR`] the xorshift of scikit-learn's compiled code. [`choice`]
//! holds the weighted draws of `RandomState.choice`, [`distinct`] scikit-learn's own draws without replacement.

pub mod choice;
mod distinct;
mod mt19937;
mod our_rand_r;
mod pcg64;

pub use distinct::distinct;
pub use mt19937::{KEY_LENGTH, Mt19937};
pub use our_rand_r::OurRandR;
pub use pcg64::Pcg64;
