from mlfast._core import centroids as centroids
from mlfast._core import cluster as cluster
from mlfast._core import ensemble as ensemble
from mlfast._core import impute as impute
from mlfast._core import linear_model as linear_model
from mlfast._core import metrics as metrics
from mlfast._core import neighbors as neighbors
from mlfast._core import neural_network as neural_network
from mlfast._core import random as random
from mlfast._core import svm as svm
from mlfast._core import tree as tree

__all__ = [
    "InternalError",
    "UnsupportedInputError",
    "__version__",
    "centroids",
    "cluster",
    "ensemble",
    "get_num_threads",
    "impute",
    "instruction_set",
    "linear_model",
    "metrics",
    "neighbors",
    "neural_network",
    "random",
    "set_num_threads",
    "svm",
    "tree",
]

__version__: str

class InternalError(RuntimeError): ...
class UnsupportedInputError(ValueError): ...

def get_num_threads() -> int: ...
def instruction_set() -> str: ...
def set_num_threads(n_threads: int | None) -> None: ...
