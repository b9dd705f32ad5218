from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Index", "outlier_factor", "reachability", "reachability_of"]

_Samples = Any  # ndarray, or scipy.sparse CSR, of float32 or float64
_Lists = tuple[NDArray[np.float64] | None, NDArray[np.int64]]

@final
class Index:
    def __new__(cls, *, x: _Samples, metric: str, p: float, algorithm: str) -> Index: ...
    def kneighbors(self, *, x: _Samples | None, n_neighbors: int, return_distance: bool, n_threads: int) -> _Lists: ...
    def neighbors_of_rows(self, *, n_neighbors: int, return_distance: bool, n_threads: int) -> _Lists: ...
    def radius_neighbors(
        self, *, x: _Samples | None, radius: float, return_distance: bool, sort: bool, n_threads: int
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64] | None, NDArray[np.int64]]]: ...
    def vote(
        self,
        *,
        x: _Samples | None,
        n_neighbors: int,
        by_distance: bool,
        codes: NDArray[np.int64],
        n_classes: list[int],
        n_threads: int,
    ) -> list[NDArray[np.float64]]: ...
    def classify(
        self,
        *,
        x: _Samples | None,
        n_neighbors: int,
        by_distance: bool,
        codes: NDArray[np.int64],
        n_classes: list[int],
        n_threads: int,
    ) -> NDArray[np.int64]: ...
    def classify_few(
        self,
        x: object,
        n_neighbors: int,
        by_distance: bool,
        codes: NDArray[np.int64],
        n_classes: list[int],
    ) -> NDArray[np.int64] | None: ...
    def average(
        self, *, x: _Samples | None, n_neighbors: int, by_distance: bool, y: NDArray[Any], n_threads: int
    ) -> NDArray[np.float64]: ...
    def vote_radius(
        self,
        *,
        x: _Samples,
        radius: float,
        by_distance: bool,
        codes: NDArray[np.int64],
        n_classes: list[int],
        n_threads: int,
    ) -> tuple[list[NDArray[np.float64]], NDArray[np.int64]]: ...
    def average_radius(
        self, *, x: _Samples, radius: float, by_distance: bool, y: NDArray[Any], n_threads: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...

def reachability(
    *, distances: NDArray[np.float64], indices: NDArray[np.int64], n_threads: int
) -> NDArray[np.float64]: ...
def reachability_of(
    *,
    distances: NDArray[np.float64],
    indices: NDArray[np.int64],
    k_distances: NDArray[np.float64],
    n_threads: int,
) -> NDArray[np.float64]: ...
def outlier_factor(
    *,
    indices: NDArray[np.int64],
    density: NDArray[np.float64],
    own_density: NDArray[np.float64],
    n_threads: int,
) -> NDArray[np.float64]: ...
