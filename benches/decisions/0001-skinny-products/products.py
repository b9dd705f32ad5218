"""NumPy's BLAS on the shapes of the crate beside it, as the same lines of CSV.

Usage: python products.py THREADS [ROUNDS]
"""

import math
import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits

DIMS = (2, 8, 32, 128, 784)
CENTRES = (8, 64, 100, 1000)


def rows(d: int, k: int, size: int) -> int:
    """About 10 ms by arithmetic or by memory traffic; the rule of src/main.rs."""
    by_flops = 10e-3 * 40e9 / (2 * d * k)
    by_bytes = 10e-3 * 8e9 / ((d + k) * size)
    return math.ceil(min(by_flops, by_bytes) / 48) * 48


def main(threads: int, rounds: int) -> None:
    rng = np.random.default_rng(0)
    with threadpool_limits(threads):
        for dtype in (np.float32, np.float64):
            for d in DIMS:
                for k in CENTRES:
                    n = rows(d, k, np.dtype(dtype).itemsize)
                    x = rng.random((n, d), dtype=dtype)
                    c = rng.random((k, d), dtype=dtype)
                    out = np.empty((n, k), dtype=dtype)
                    best = math.inf
                    for turn in range(rounds + 1):
                        start = time.perf_counter()
                        np.matmul(x, c.T, out=out)
                        if turn:  # the first warms up
                            best = min(best, time.perf_counter() - start)
                    short = "f32" if dtype is np.float32 else "f64"
                    print(f"openblas,{short},{d},{k},{n},{threads},{2e-9 * n * d * k / best:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, int(sys.argv[2]) if len(sys.argv) > 2 else 7)
