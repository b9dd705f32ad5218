import numpy as np
from numpy.typing import NDArray

__all__ = [
    "mt19937_bounded",
    "mt19937_doubles",
    "mt19937_permutation",
    "our_rand_r",
]

def mt19937_bounded(seed: int, high: int, n: int) -> NDArray[np.int64]: ...
def mt19937_doubles(seed: int, n: int) -> NDArray[np.float64]: ...
def mt19937_permutation(seed: int, n: int) -> NDArray[np.int64]: ...
def our_rand_r(seed: int, n: int) -> NDArray[np.uint32]: ...
