//! Sums over vectors in double precision, in eight sums in turn: the same bits on every instruction set.

const LANES: usize = 8;

/// The scalar product of two vectors of the same length.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + rest
}

/// `target += factor * source`, for vectors of the same length.
pub fn add_scaled(target: &mut [f64], factor: f64, source: &[f64]) {
    target.iter_mut().zip(source).for_each(|(target, source)| *target += factor * source);
}

/// The largest magnitude, zero of no numbers. A NaN is not seen.
pub fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, value| most.max(value.abs()))
}

/// The sum of magnitudes.
pub fn sum_of_magnitudes(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_obvious_loop() {
        for len in [0, 1, 7, 8, 9, 40, 43] {
            let a: Vec<f64> = (0..len).map(|i| f64::from(i) - 3.0).collect();
            let b: Vec<f64> = (0..len).map(|i| f64::from(2 * i) + 1.0).collect();
            assert_eq!(dot(&a, &b), a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>());
            let mut c = a.clone();
            add_scaled(&mut c, 2.0, &b);
            assert!(c.iter().zip(a.iter().zip(&b)).all(|(c, (a, b))| *c == a + 2.0 * b));
            assert_eq!(largest(&a), a.iter().fold(0.0, |most: f64, value| most.max(value.abs())));
            assert_eq!(sum_of_magnitudes(&[-1.0, 2.0, -3.5]), 6.5);
        }
    }
}
