//! Plain loops, which the compiler turns into vectors of the instruction set in use.
//!
//! For what is long and mostly not arithmetic, such as a walk over samples, and for passes over slices: the loops are
//! written so that each lane has a sum of its own. No instruction set fuses or reorders them, so all give the same bits.

use super::{Isa, Kernel, Simd, dispatch_to};
use crate::common::settings::settings;

/// A computation in plain loops.
pub trait Loops {
    /// What it computes.
    type Output;

    /// The computation. It must be `#[inline(always)]`, and so must all that has loops in it.
    fn run(self) -> Self::Output;
}

/// Runs plain loops with the instruction set in use.
pub fn compiled<L: Loops>(loops: L) -> L::Output {
    compiled_to(settings().isa, loops)
}

/// Runs plain loops with an instruction set that this machine has: tests compare them.
#[doc(hidden)]
pub fn compiled_to<L: Loops>(isa: Isa, loops: L) -> L::Output {
    dispatch_to(isa, Compiled(loops))
}

struct Compiled<L>(L);

impl<L: Loops> Kernel<f64> for Compiled<L> {
    type Output = L::Output;

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) -> L::Output {
        self.0.run()
    }
}
