//! Allocations that grow with the data: a refusal is an error, not an abort.

use super::{Error, Result};

/// A vector of `len` copies of `value`.
///
/// # Errors
/// [`Error::OutOfMemory`] if the memory is refused or the size overflows.
pub fn try_filled<T: Copy>(len: usize, value: T) -> Result<Vec<T>> {
    let mut vec = try_with_capacity(len)?;
    vec.resize(len, value);
    Ok(vec)
}

/// An empty vector with room for `len` items.
///
/// # Errors
/// [`Error::OutOfMemory`] if the memory is refused or the size overflows.
pub fn try_with_capacity<T>(len: usize) -> Result<Vec<T>> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { bytes: len.saturating_mul(size_of::<T>()) })?;
    Ok(vec)
}

/// A copy of `values`.
///
/// # Errors
/// [`Error::OutOfMemory`] if the memory is refused.
pub fn try_copied<T: Copy>(values: &[T]) -> Result<Vec<T>> {
    let mut vec = try_with_capacity(values.len())?;
    vec.extend_from_slice(values);
    Ok(vec)
}

/// `a * b`, the length of a matrix.
///
/// # Errors
/// [`Error::OutOfMemory`] if the product does not fit the address space.
pub fn checked_len(a: usize, b: usize) -> Result<usize> {
    a.checked_mul(b).ok_or(Error::OutOfMemory { bytes: usize::MAX })
}
