"""mlfast: scikit-learn's estimators on a Rust core. Same answer, faster, never a surprise."""

import mlfast._compat  # first: it says clearly when scikit-learn's version is not supported
import mlfast._threads  # registers with threadpoolctl  # noqa: F401
from mlfast._config import config_context, get_config, set_config
from mlfast._conversion import from_sklearn, to_sklearn
from mlfast._core import InternalError, __version__, instruction_set
from mlfast._dispatch import FallbackError, FallbackWarning
from mlfast._profile import profile
from mlfast._skops import skops_trusted_types
from mlfast._state import VersionWarning
from mlfast._threads import get_num_threads, set_num_threads

instruction_set()  # an MLFAST_ISA that this machine lacks is refused here

__all__ = [
    "FallbackError",
    "FallbackWarning",
    "InternalError",
    "VersionWarning",
    "__version__",
    "config_context",
    "from_sklearn",
    "get_config",
    "get_num_threads",
    "profile",
    "set_config",
    "set_num_threads",
    "skops_trusted_types",
    "to_sklearn",
]
