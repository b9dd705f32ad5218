//! Products of many rows with a few vectors, and sums of the same rows by what was made of these products, in one pass:
//! a tile of rows is still in the cache when it is summed.
//!
//! Products are taken in the type of the rows, sums over tiles in double precision.

use std::ops::Range;

use super::{Csr, Dense, Rows};
use crate::common::simd::{Kernel, Simd, dispatch, dispatch_to_half};
use crate::common::{Float, Result, memory};

/// Bytes of rows in a tile that meets one vector: they stay in the first cache.
const TILE_BYTES: usize = 24 * 1024;
/// Bytes of rows in a tile that meets several: they stay in the second cache.
const LARGE_TILE_BYTES: usize = 1 << 17;
/// Rows of a tile, at least and at most.
const TILE_ROWS: (usize, usize) = (16, 256);
/// Products of a CSR row with one vector that are summed in turn.
const GROUP: usize = 4;
/// Vectors that a CSR row meets at a time, at most.
const MAX_VECTORS: usize = 8;
/// Lanes of the widest vector, and its bytes.
const MAX_LANES: usize = 16;
const WIDEST: usize = 64;
/// Rows that share what is loaded of a vector.
const SHARING: usize = 8;
/// Vectors that dense rows meet at a time, at most.
const SHARED_VECTORS: usize = 4;

/// The last numbers of each of up to [`SHARED_VECTORS`] vectors, behind as many zeros as fill a vector of the machine.
type Tails<F> = [[F; MAX_LANES]; SHARED_VECTORS];

/// Buffers of a worker.
#[derive(Debug, Default)]
pub struct Buffers<F> {
    products: Vec<F>,
    sums: Vec<F>,
}

/// Rows that can be multiplied with a few vectors and summed at once.
pub trait FusedRows<F: Float>: Rows<F> {
    /// Vectors, row-major of shape (count, n_cols), as [`FusedRows::map_reduce`] reads them.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    fn pack_vectors(&self, vectors: &[f64]) -> Result<Vec<F>>;

    /// Numbers that the sums with so many vectors take.
    fn sums_len(&self, count: usize) -> usize;

    /// Goes through the rows of a range, tile by tile: `map(rows, products, next)` sees the products of the rows of a
    /// tile with `count` packed vectors, row-major of shape (rows, count), and puts factors in their place; the rows
    /// times these factors are added to `sums`, of [`FusedRows::sums_len`] numbers, which [`FusedRows::unpack_sums`] puts in order.
    /// `next` are the values of the next tile, to be asked for in time, or none.
    fn map_reduce(
        &self,
        rows: Range<usize>,
        vectors: &[F],
        count: usize,
        buffers: &mut Buffers<F>,
        map: impl FnMut(Range<usize>, &mut [F], &[F]),
        sums: &mut [f64],
    );

    /// Sums of [`FusedRows::map_reduce`], row-major of shape (count, n_cols).
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    fn unpack_sums(&self, sums: Vec<f64>, count: usize) -> Result<Vec<f64>>;
}

impl<F: Float> FusedRows<F> for Dense<'_, F> {
    fn pack_vectors(&self, vectors: &[f64]) -> Result<Vec<F>> {
        let mut packed = memory::try_with_capacity(vectors.len())?;
        packed.extend(vectors.iter().map(|&value| F::from_f64(value)));
        Ok(packed)
    }

    fn sums_len(&self, count: usize) -> usize {
        count * self.n_cols()
    }

    fn map_reduce(
        &self,
        rows: Range<usize>,
        vectors: &[F],
        count: usize,
        buffers: &mut Buffers<F>,
        mut map: impl FnMut(Range<usize>, &mut [F], &[F]),
        sums: &mut [f64],
    ) {
        let n_cols = self.n_cols();
        let bytes = if count == 1 { TILE_BYTES } else { LARGE_TILE_BYTES };
        let height = (bytes / (n_cols * size_of::<F>())).clamp(TILE_ROWS.0, TILE_ROWS.1) / SHARING * SHARING;
        let Buffers { products, sums: own } = buffers;
        products.resize(height * count, F::ZERO);
        own.resize(sums.len(), F::ZERO);
        for start in rows.clone().step_by(height) {
            let end = (start + height).min(rows.end);
            let tile = &self.values()[start * n_cols..end * n_cols];
            let products = &mut products[..(end - start) * count];
            times(Times { rows: tile, vectors, n_cols, count, out: products });
            let next = &self.values()[end * n_cols..(end + height).min(rows.end) * n_cols];
            map(start..end, products, next);
            own.fill(F::ZERO);
            add_times(AddTimes { rows: tile, factors: products, n_cols, count, sums: own });
            sums.iter_mut().zip(own.iter()).for_each(|(sum, value)| *sum += value.to_f64());
        }
    }

    fn unpack_sums(&self, sums: Vec<f64>, _count: usize) -> Result<Vec<f64>> {
        Ok(sums)
    }
}

impl<F: Float> FusedRows<F> for Csr<'_, F> {
    /// Column by column: what a stored value meets lies side by side.
    fn pack_vectors(&self, vectors: &[f64]) -> Result<Vec<F>> {
        let (n_cols, count) = (self.n_cols(), vectors.len() / self.n_cols());
        let mut packed = memory::try_filled(self.sums_len(count), F::ZERO)?;
        for (column, packed) in packed.chunks_exact_mut(count).enumerate() {
            let vectors = vectors[column..].iter().step_by(n_cols);
            packed.iter_mut().zip(vectors).for_each(|(packed, &value)| *packed = F::from_f64(value));
        }
        Ok(packed)
    }

    fn sums_len(&self, count: usize) -> usize {
        count * self.n_cols()
    }

    fn map_reduce(
        &self,
        rows: Range<usize>,
        vectors: &[F],
        count: usize,
        buffers: &mut Buffers<F>,
        mut map: impl FnMut(Range<usize>, &mut [F], &[F]),
        sums: &mut [f64],
    ) {
        assert!(vectors.len() == self.sums_len(count) && sums.len() == vectors.len(), "vectors of another length");
        let products = &mut buffers.products;
        products.resize(TILE_ROWS.1 * count, F::ZERO);
        for start in rows.clone().step_by(TILE_ROWS.1) {
            let tile = start..(start + TILE_ROWS.1).min(rows.end);
            let products = &mut products[..tile.len() * count];
            dispatch(TimesSparse { x: self, rows: tile.clone(), vectors, count, out: products });
            map(tile.clone(), products, &[]);
            dispatch(AddTimesSparse { x: self, rows: tile, factors: products, count, sums });
        }
    }

    fn unpack_sums(&self, sums: Vec<f64>, count: usize) -> Result<Vec<f64>> {
        if count == 1 {
            return Ok(sums);
        }
        let mut ordered = memory::try_with_capacity(memory::checked_len(count, self.n_cols())?)?;
        for vector in 0..count {
            ordered.extend(sums[vector..].iter().step_by(count));
        }
        Ok(ordered)
    }
}

/// Calls a method for so many vectors from the first on, which it takes as a constant.
macro_rules! for_vectors {
    ($len:expr, $self:ident.$method:ident($($argument:expr),*)) => {
        match $len {
            1 => $self.$method::<1>($($argument),*),
            2 => $self.$method::<2>($($argument),*),
            3 => $self.$method::<3>($($argument),*),
            4 => $self.$method::<4>($($argument),*),
            5 => $self.$method::<5>($($argument),*),
            6 => $self.$method::<6>($($argument),*),
            7 => $self.$method::<7>($($argument),*),
            _ => $self.$method::<MAX_VECTORS>($($argument),*),
        }
    };
}

/// The products are sums across lanes.
fn times<F: Float>(kernel: Times<'_, F>) {
    dispatch_to_half(kernel);
}

/// Each lane is a sum of its own, but that rows which do not fill a vector are met without one.
fn add_times<F: Float>(kernel: AddTimes<'_, F>) {
    let fills_any = kernel.n_cols >= WIDEST / size_of::<F>();
    if fills_any { dispatch(kernel) } else { dispatch_to_half(kernel) }
}

/// Products of dense rows with vectors.
struct Times<'k, F> {
    rows: &'k [F],
    vectors: &'k [F],
    n_cols: usize,
    count: usize,
    out: &'k mut [F],
}

impl<F: Float> Kernel<F> for Times<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(mut self) {
        assert!(self.vectors.len() == self.count * self.n_cols, "vectors of another length");
        let n_rows = self.rows.len() / self.n_cols;
        assert!(self.out.len() == n_rows * self.count, "products of another length");
        let mut vector = 0;
        while vector < self.count {
            let width = match self.count - vector {
                1 => 1,
                2 | 3 => 2,
                _ => 4,
            };
            let mut tails: Tails<F> = [[F::ZERO; MAX_LANES]; SHARED_VECTORS];
            let rest = self.n_cols % S::WIDTH;
            for (tail, vector) in tails.iter_mut().zip(self.vectors[vector * self.n_cols..].chunks_exact(self.n_cols)) {
                tail[S::WIDTH - rest..S::WIDTH].copy_from_slice(&vector[self.n_cols - rest..]);
            }
            let mut row = 0;
            while row < n_rows {
                // SAFETY: the instruction set is the caller's promise; the rows and vectors exist by the conditions.
                unsafe {
                    row += match (width, n_rows - row) {
                        (1, 8..) => self.block::<S, 8, 1>(row, vector, &tails),
                        (1, _) => self.block::<S, 1, 1>(row, vector, &tails),
                        (2, 4..) => self.block::<S, 4, 2>(row, vector, &tails),
                        (2, _) => self.block::<S, 1, 2>(row, vector, &tails),
                        (_, 4..) => self.block::<S, 4, 4>(row, vector, &tails),
                        _ => self.block::<S, 1, 4>(row, vector, &tails),
                    };
                }
            }
            vector += width;
        }
    }
}

impl<F: Float> Times<'_, F> {
    /// `R` rows times `C` vectors; returns `R`.
    ///
    /// # Safety
    /// The instruction set of `S`; the rows and vectors exist.
    #[inline(always)]
    unsafe fn block<S: Simd<F = F>, const R: usize, const C: usize>(
        &mut self,
        row: usize,
        vector: usize,
        tails: &Tails<F>,
    ) -> usize {
        let n_cols = self.n_cols;
        let whole = n_cols / S::WIDTH * S::WIDTH;
        // SAFETY: the caller's promise; columns below `whole` make whole vectors, the last ones of longer rows too, and
        // the lanes fit `MAX_LANES`.
        unsafe {
            let rows = self.rows.as_ptr().add(row * n_cols);
            let vectors = self.vectors.as_ptr().add(vector * n_cols);
            let mut sums = [[S::splat(F::ZERO); C]; R];
            for column in (0..whole).step_by(S::WIDTH) {
                let mut v = [S::splat(F::ZERO); C];
                for c in 0..C {
                    v[c] = S::load(vectors.add(c * n_cols + column));
                }
                for r in 0..R {
                    let x = S::load(rows.add(r * n_cols + column));
                    for c in 0..C {
                        sums[r][c] = S::fma(x, v[c], sums[r][c]);
                    }
                }
            }
            if whole > 0 && whole < n_cols {
                let last = n_cols - S::WIDTH;
                for r in 0..R {
                    let x = S::load(rows.add(r * n_cols + last));
                    for c in 0..C {
                        sums[r][c] = S::fma(x, S::load(tails[c].as_ptr()), sums[r][c]);
                    }
                }
            }
            for r in 0..R {
                for c in 0..C {
                    let mut lanes = [F::ZERO; MAX_LANES];
                    S::store(lanes.as_mut_ptr(), sums[r][c]);
                    let mut width = S::WIDTH / 2;
                    while width > 0 {
                        for lane in 0..width {
                            lanes[lane] += lanes[lane + width];
                        }
                        width /= 2;
                    }
                    let mut total = lanes[0];
                    if whole == 0 {
                        for column in 0..n_cols {
                            total += *rows.add(r * n_cols + column) * *vectors.add(c * n_cols + column);
                        }
                    }
                    self.out[(row + r) * self.count + vector + c] = total;
                }
            }
        }
        R
    }
}

/// Sums of dense rows times their factors.
struct AddTimes<'k, F> {
    rows: &'k [F],
    factors: &'k [F],
    n_cols: usize,
    count: usize,
    sums: &'k mut [F],
}

impl<F: Float> Kernel<F> for AddTimes<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(mut self) {
        let n_rows = self.rows.len() / self.n_cols;
        assert!(self.factors.len() == n_rows * self.count, "factors of another length");
        assert!(self.sums.len() == self.count * self.n_cols, "sums of another length");
        let whole = self.n_cols / S::WIDTH;
        let mut vector = 0;
        while vector < self.count {
            let width = match self.count - vector {
                1 => 1,
                2 | 3 => 2,
                _ => 4,
            };
            let mut taken = 0;
            while taken < whole {
                let column = taken * S::WIDTH;
                // SAFETY: the instruction set is the caller's promise; the columns and factors exist by the conditions.
                unsafe {
                    taken += match (width, whole - taken) {
                        (1, 8..) => self.columns::<S, 1, 8>(vector, column),
                        (1, 4..) => self.columns::<S, 1, 4>(vector, column),
                        (1, 2..) => self.columns::<S, 1, 2>(vector, column),
                        (1, _) => self.columns::<S, 1, 1>(vector, column),
                        (2, 4..) => self.columns::<S, 2, 4>(vector, column),
                        (2, 2..) => self.columns::<S, 2, 2>(vector, column),
                        (2, _) => self.columns::<S, 2, 1>(vector, column),
                        (_, 4..) => self.columns::<S, 4, 4>(vector, column),
                        (_, 2..) => self.columns::<S, 4, 2>(vector, column),
                        _ => self.columns::<S, 4, 1>(vector, column),
                    };
                }
            }
            if whole > 0 && whole * S::WIDTH < self.n_cols {
                // Columns that are taken again get the same sums again.
                let column = self.n_cols - S::WIDTH;
                // SAFETY: as above.
                unsafe {
                    match width {
                        1 => self.columns::<S, 1, 1>(vector, column),
                        2 => self.columns::<S, 2, 1>(vector, column),
                        _ => self.columns::<S, 4, 1>(vector, column),
                    };
                }
            }
            vector += width;
        }
        if whole == 0 {
            let Self { rows, factors, n_cols, count, sums } = self;
            for row in 0..n_rows {
                for vector in 0..count {
                    for column in 0..n_cols {
                        sums[vector * n_cols + column] += factors[row * count + vector] * rows[row * n_cols + column];
                    }
                }
            }
        }
    }
}

impl<F: Float> AddTimes<'_, F> {
    /// Columns that fill `V` vectors, from the `first` on, for `C` vectors; returns `V`.
    ///
    /// # Safety
    /// The instruction set of `S`; the columns and factors exist.
    #[inline(always)]
    unsafe fn columns<S: Simd<F = F>, const C: usize, const V: usize>(&mut self, vector: usize, first: usize) -> usize {
        let (n_cols, count) = (self.n_cols, self.count);
        // SAFETY: the caller's promise.
        unsafe {
            let mut row = self.rows.as_ptr().add(first);
            let mut factors = self.factors.as_ptr().add(vector);
            let mut sums = [[S::splat(F::ZERO); V]; C];
            for _ in 0..self.rows.len() / n_cols {
                let mut x = [S::splat(F::ZERO); V];
                for v in 0..V {
                    x[v] = S::load(row.add(v * S::WIDTH));
                }
                for c in 0..C {
                    let factor = S::splat(*factors.add(c));
                    for v in 0..V {
                        sums[c][v] = S::fma(factor, x[v], sums[c][v]);
                    }
                }
                row = row.wrapping_add(n_cols);
                factors = factors.wrapping_add(count);
            }
            for c in 0..C {
                for v in 0..V {
                    S::store(self.sums.as_mut_ptr().add((vector + c) * n_cols + first + v * S::WIDTH), sums[c][v]);
                }
            }
        }
        V
    }
}

/// Products of CSR rows with vectors.
struct TimesSparse<'k, 'd, F: Clone> {
    x: &'k Csr<'d, F>,
    rows: Range<usize>,
    vectors: &'k [F],
    count: usize,
    out: &'k mut [F],
}

impl<F: Float> Kernel<F> for TimesSparse<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(mut self) {
        let (values, indices, starts) = self.x.parts();
        let out = std::mem::take(&mut self.out);
        for at in 0..self.rows.len() {
            let (row, out) = (self.rows.start + at, &mut out[at * self.count..][..self.count]);
            let (values, indices) = (&values[starts[row]..starts[row + 1]], &indices[starts[row]..starts[row + 1]]);
            if let [out] = out {
                // Sums in turn, since each waits for the one before it.
                let mut sums = [F::ZERO; GROUP];
                let whole = values.len() / GROUP * GROUP;
                for at in (0..whole).step_by(GROUP) {
                    for lane in 0..GROUP {
                        // SAFETY: columns of CSR rows are below `n_cols`, which is the length of the vector.
                        let factor = unsafe { *self.vectors.get_unchecked(indices[at + lane] as usize) };
                        sums[lane] += values[at + lane] * factor;
                    }
                }
                let mut rest = F::ZERO;
                for at in whole..values.len() {
                    rest += values[at] * self.vectors[indices[at] as usize];
                }
                *out = (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest;
                continue;
            }
            for (group, out) in out.chunks_mut(MAX_VECTORS).enumerate() {
                for_vectors!(out.len(), self.products(values, indices, group * MAX_VECTORS, out));
            }
        }
    }
}

impl<F: Float> TimesSparse<'_, '_, F> {
    /// Products of a row with `C` vectors, from the `first`-th on, into `out`, shape (C,).
    #[inline(always)]
    fn products<const C: usize>(&self, values: &[F], indices: &[u32], first: usize, out: &mut [F]) {
        let mut sums = [F::ZERO; C];
        let indices = &indices[..values.len()];
        for at in 0..values.len() {
            let vectors = &self.vectors[indices[at] as usize * self.count + first..][..C];
            for c in 0..C {
                sums[c] += values[at] * vectors[c];
            }
        }
        out.copy_from_slice(&sums);
    }
}

/// Sums of CSR rows times their factors.
struct AddTimesSparse<'k, 'd, F: Clone> {
    x: &'k Csr<'d, F>,
    rows: Range<usize>,
    factors: &'k [F],
    count: usize,
    sums: &'k mut [f64],
}

impl<F: Float> Kernel<F> for AddTimesSparse<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(mut self) {
        let (values, indices, starts) = self.x.parts();
        for at in 0..self.rows.len() {
            let (row, factors) = (self.rows.start + at, &self.factors[at * self.count..][..self.count]);
            let (values, indices) = (&values[starts[row]..starts[row + 1]], &indices[starts[row]..starts[row + 1]]);
            if let [factor] = factors {
                let (factor, indices) = (factor.to_f64(), &indices[..values.len()]);
                for at in 0..values.len() {
                    // SAFETY: columns of CSR rows are below `n_cols`, which is the number of sums.
                    unsafe { *self.sums.get_unchecked_mut(indices[at] as usize) += factor * values[at].to_f64() };
                }
                continue;
            }
            for (group, factors) in factors.chunks(MAX_VECTORS).enumerate() {
                for_vectors!(factors.len(), self.add(values, indices, group * MAX_VECTORS, factors));
            }
        }
    }
}

impl<F: Float> AddTimesSparse<'_, '_, F> {
    /// Adds a row times `C` factors, shape (C,), to the sums of as many vectors from the `first`-th on.
    #[inline(always)]
    fn add<const C: usize>(&mut self, values: &[F], indices: &[u32], first: usize, factors: &[F]) {
        let mut own = [0.0; C];
        for c in 0..C {
            own[c] = factors[c].to_f64();
        }
        let indices = &indices[..values.len()];
        for at in 0..values.len() {
            let value = values[at].to_f64();
            let sums = &mut self.sums[indices[at] as usize * self.count + first..][..C];
            for c in 0..C {
                sums[c] += value * own[c];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;
    use crate::common::simd::emulated::Emulated;
    use crate::common::simd::{Isa, dispatch_to};

    /// A table with zeros, vectors, and the table as CSR parts.
    fn table(n_rows: usize, n_cols: usize, count: usize) -> (Vec<f64>, Vec<f64>) {
        let mut random = Mt19937::seeded(11);
        let mut noise = |len: usize| -> Vec<f64> { (0..len).map(|_| random.next_f64() - 0.5).collect() };
        let mut values = noise(n_rows * n_cols);
        values.iter_mut().filter(|value| **value > 0.2).for_each(|value| *value = 0.0);
        (values, noise(count * n_cols))
    }

    /// What a pass shows and sums, with factors that are twice the products less one.
    fn map_reduced<F: Float>(x: &impl FusedRows<F>, vectors: &[f64], count: usize) -> (Vec<f64>, Vec<f64>) {
        let packed = x.pack_vectors(vectors).expect("memory");
        let (mut seen, mut sums) = (Vec::new(), vec![1.0; x.sums_len(count)]);
        let weigh = |rows: Range<usize>, products: &mut [F], _: &[F]| {
            assert_eq!(products.len(), rows.len() * count);
            seen.extend(products.iter().map(|value| value.to_f64()));
            products.iter_mut().for_each(|value| *value = *value + *value - F::ONE);
        };
        x.map_reduce(1..x.n_rows(), &packed, count, &mut Buffers::default(), weigh, &mut sums);
        (seen, x.unpack_sums(sums, count).expect("memory"))
    }

    fn check<F: Float>(tolerance: f64) {
        for (n_rows, n_cols, count) in [(2, 1, 1), (9, 5, 1), (300, 50, 1), (270, 133, 2), (40, 67, 3), (21, 19, 7)] {
            let (values, vectors) = table(n_rows, n_cols, count);
            let values: Vec<F> = values.iter().map(|&value| F::from_f64(value)).collect();
            let kept: Vec<usize> = (0..values.len()).filter(|&at| values[at] != F::ZERO).collect();
            let stored: Vec<F> = kept.iter().map(|&at| values[at]).collect();
            let indices: Vec<u32> = kept.iter().map(|&at| (at % n_cols) as u32).collect();
            let starts: Vec<usize> = (0..=n_rows).map(|row| kept.partition_point(|&at| at < row * n_cols)).collect();
            let dense = map_reduced(&Dense::new(&values, n_rows, n_cols).expect("shape"), &vectors, count);
            let sparse = map_reduced(&Csr::new(&stored, &indices, &starts, n_cols).expect("parts"), &vectors, count);
            let product = |row: usize, vector: usize| -> f64 {
                (0..n_cols).map(|c| values[row * n_cols + c].to_f64() * vectors[vector * n_cols + c]).sum()
            };
            for (seen, sums) in [dense, sparse] {
                for (at, seen) in seen.iter().enumerate() {
                    assert!((seen - product(1 + at / count, at % count)).abs() < tolerance);
                }
                for (at, sum) in sums.iter().enumerate() {
                    let (vector, column) = (at / n_cols, at % n_cols);
                    let term = |row| (2.0 * product(row, vector) - 1.0) * values[row * n_cols + column].to_f64();
                    let expected = 1.0 + (1..n_rows).map(term).sum::<f64>();
                    assert!((sum - expected).abs() < tolerance * n_rows as f64, "{n_rows} {n_cols} {count}");
                }
            }
        }
    }

    #[test]
    fn passes_are_those_of_the_obvious_loops() {
        check::<f64>(1e-13);
        check::<f32>(2e-5);
    }

    #[test]
    fn every_instruction_set_finds_the_same_products() {
        let (n_rows, n_cols, count) = (21, 77, 7);
        let (rows, vectors) = table(n_rows, n_cols, count);
        let mut first: Option<(Vec<f64>, Vec<f64>)> = None;
        for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()) {
            let (mut out, mut sums) = (vec![0.0; n_rows * count], vec![0.0; vectors.len()]);
            dispatch_to(isa, Times { rows: &rows, vectors: &vectors, n_cols, count, out: &mut out });
            dispatch_to(isa, AddTimes { rows: &rows, factors: &out, n_cols, count, sums: &mut sums });
            let (out_first, sums_first) = first.get_or_insert((out.clone(), sums.clone()));
            assert!(out.iter().zip(out_first).all(|(a, b)| (a - *b).abs() < 1e-13));
            assert!(sums.iter().zip(sums_first).all(|(a, b)| (a - *b).abs() < 1e-12));
        }
    }

    /// What [`add_times`] sends to either, and that rows of more columns may go to both.
    fn check_widths<F: Float + Emulated>() {
        let least = WIDEST / size_of::<F>();
        for n_cols in [least, least + 1, 2 * least - 1, 2 * least + 3, 77] {
            for count in [1, 2, 3, 7] {
                let (rows, factors) = table(13, n_cols, count);
                let rows: Vec<F> = rows.iter().map(|&value| F::from_f64(value)).collect();
                let factors: Vec<F> = factors[..].iter().cycle().take(13 * count).map(|&x| F::from_f64(x)).collect();
                let mut found = [(); 2].map(|()| vec![F::ZERO; count * n_cols]);
                let [narrow, wide] = &mut found;
                F::narrow(AddTimes { rows: &rows, factors: &factors, n_cols, count, sums: narrow });
                F::wide(AddTimes { rows: &rows, factors: &factors, n_cols, count, sums: wide });
                assert!(found[0] == found[1], "{n_cols} {count}");
            }
        }
    }

    #[test]
    fn sums_of_wide_rows_have_the_same_bits_with_avx2_and_avx512() {
        check_widths::<f32>();
        check_widths::<f64>();
    }
}
