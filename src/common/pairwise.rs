//! Sums of many numbers, rounded as `numpy.sum` rounds them.
//!
//! Up to 128 numbers go to eight sums in turn; more are cut in two, again and again. The error grows with the logarithm
//! of the length (N. Higham, "The accuracy of floating point summation", 1993).

use super::Float;

/// Numbers that are not cut in two.
const BLOCK: usize = 128;
const LANES: usize = 8;

/// The sum of `values`: `numpy.sum` of a contiguous array.
pub fn sum<F: Float>(values: &[F]) -> F {
    if values.len() < LANES {
        // NumPy starts from -0, which only shows where there is nothing but it; a sum of nothing is 0.
        return values.iter().fold(if values.is_empty() { F::ZERO } else { -F::ZERO }, |sum, &value| sum + value);
    }
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % LANES);
        return sum(left) + sum(right);
    }
    let (first, others) = values.split_at(LANES);
    let mut sums = [F::ZERO; LANES];
    sums.copy_from_slice(first);
    let groups = others.chunks_exact(LANES);
    let rest = groups.remainder();
    for group in groups {
        sums.iter_mut().zip(group).for_each(|(sum, &value)| *sum += value);
    }
    let [a, b, c, d, e, f, g, h] = sums;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, &value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn sums_are_numpys() {
        // numpy.sum(1 / numpy.arange(1, n + 1))
        for (n, expected) in EXPECTED {
            let values: Vec<f64> = (1..=n).map(|i| 1.0 / f64::from(i)).collect();
            assert_eq!(sum(&values).to_bits(), expected, "{n}");
        }
    }

    const EXPECTED: [(u32, u64); 6] = [
        (0, 0x0000_0000_0000_0000),
        (5, 0x4002_4444_4444_4444),
        (100, 0x4014_bfdf_e459_1243),
        (128, 0x4015_bb8a_e954_1ca7),
        (1000, 0x401d_f11f_45f4_e61a),
        (4099, 0x4021_caab_02d9_bbe3),
    ];
}
