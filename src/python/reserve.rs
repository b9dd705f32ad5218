//! A reserve for the moment when memory runs out, so that a fit ends in MemoryError and not in an abort.
//!
//! Allocations that grow with the data report a refusal by themselves (`common::memory`). The small ones in between (a
//! list of jobs, a closure) cannot: Rust aborts. So every computation starts with some address space set aside; when a
//! small allocation is refused it is given back, the allocation is repeated, and the computation is asked to stop.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// What is set aside; never touched, so it costs address space only.
const RESERVE: Layout = match Layout::from_size_align(8 << 20, 4096) {
    Ok(layout) => layout,
    Err(_) => Layout::new::<u8>(),
};
/// Largest allocation that the reserve is for.
const SMALL: usize = 1 << 20;

static SET_ASIDE: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static IS_SHORT: AtomicBool = AtomicBool::new(false);

struct Reserving;

#[global_allocator]
static ALLOCATOR: Reserving = Reserving;

/// Sets the reserve aside, if it can be had and is not there.
pub(super) fn set_aside() {
    IS_SHORT.store(false, Ordering::Relaxed);
    if SET_ASIDE.load(Ordering::Relaxed).is_null() {
        // SAFETY: the layout has a size.
        let reserve = unsafe { System.alloc(RESERVE) };
        if SET_ASIDE.compare_exchange(std::ptr::null_mut(), reserve, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            // SAFETY: allocated above with this layout, and not published.
            unsafe { System.dealloc(reserve, RESERVE) };
        }
    }
}

/// Whether the reserve had to be given back since it was last set aside.
pub(super) fn is_short() -> bool {
    IS_SHORT.load(Ordering::Relaxed)
}

/// Gives the reserve back for a refused allocation of this size; false if there is none to give.
fn give_back(size: usize) -> bool {
    if size > SMALL {
        return false;
    }
    let reserve = SET_ASIDE.swap(std::ptr::null_mut(), Ordering::AcqRel);
    if reserve.is_null() {
        return false;
    }
    IS_SHORT.store(true, Ordering::Relaxed);
    // SAFETY: allocated in `set_aside` with this layout; the swap made it ours.
    unsafe { System.dealloc(reserve, RESERVE) };
    true
}

// SAFETY: everything is passed on to the system's allocator, at most twice.
unsafe impl GlobalAlloc for Reserving {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let address = unsafe { System.alloc(layout) };
        if address.is_null() && give_back(layout.size()) {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        }
        address
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let address = unsafe { System.alloc_zeroed(layout) };
        if address.is_null() && give_back(layout.size()) {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        }
        address
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(address, layout) }
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let moved = unsafe { System.realloc(address, layout, size) };
        if moved.is_null() && give_back(size) {
            // SAFETY: the caller's promise; a refused reallocation leaves the old one as it was.
            return unsafe { System.realloc(address, layout, size) };
        }
        moved
    }
}
