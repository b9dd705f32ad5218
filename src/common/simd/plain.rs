//! Plain loops, which the compiler turns into vectors of the instruction set in use.
//!
//! For what is long and mostly not arithmetic, such as a walk over samples: the loops in it are written so that each
//! lane has a sum of its own. No instruction set fuses or reorders them, so all give the same bits.

use super::{Kernel, Simd, dispatch};

/// A computation in plain loops.
pub trait Plain {
    /// What it computes.
    type Output;

    /// The computation. It must be `#[inline(always)]`, and so must all that has loops in it.
    fn run(self) -> Self::Output;
}

struct Compiled<P>(P);

impl<P: Plain> Kernel<f64> for Compiled<P> {
    type Output = P::Output;

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) -> P::Output {
        self.0.run()
    }
}

/// Runs a computation that was compiled for the instruction set in use.
pub fn vectorized<P: Plain>(computation: P) -> P::Output {
    dispatch(Compiled(computation))
}
