"""``%load_ext mlfast`` in IPython and Jupyter, and the cell magic ``%%mlfast_profile``."""

import sys
from typing import Any

from mlfast.accel import _modules
from mlfast.accel._install import install, installed, uninstall

_MAGIC = "mlfast_profile"


def load_ipython_extension(ipython: Any) -> None:
    """Put mlfast in scikit-learn's place in a notebook; called by ``%load_ext mlfast``."""
    _modules.notebook = ipython.user_ns
    install()

    def mlfast_profile(line: str, cell: str) -> Any:
        """Run a cell and show which calls of estimators ran in Rust, which in scikit-learn and why, and their time."""
        import mlfast

        with mlfast.profile() as calls:
            ipython.run_cell(cell)
        return calls

    ipython.register_magic_function(mlfast_profile, "cell", _MAGIC)
    sys.stdout.write(
        f"mlfast stands in for {len(installed())} names of scikit-learn; %%{_MAGIC} shows what it does in a cell, "
        "%unload_ext mlfast ends it\n"
    )


def unload_ipython_extension(ipython: Any) -> None:
    """Give scikit-learn its place back, in the names of the notebook too; called by ``%unload_ext mlfast``."""
    originals = {
        id(_modules.counterpart(*full_name.rsplit(".", 1))): original
        for full_name, original in _modules.originals_by_identity().values()
        if full_name in _modules.given
    }
    uninstall()
    for name, value in list(ipython.user_ns.items()):
        if id(value) in originals:
            ipython.user_ns[name] = originals[id(value)]
    _modules.notebook = None
    _modules.given.clear()
    ipython.magics_manager.magics["cell"].pop(_MAGIC, None)
