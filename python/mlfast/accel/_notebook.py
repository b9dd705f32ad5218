"""``%load_ext mlfast`` in IPython and Jupyter."""

from typing import Any

from mlfast.accel._install import install, uninstall


def load_ipython_extension(ipython: Any) -> None:
    """Put mlfast in scikit-learn's place in a notebook; called by ``%load_ext mlfast``."""
    install()


def unload_ipython_extension(ipython: Any) -> None:
    """Give scikit-learn its place back; called by ``%unload_ext mlfast``."""
    uninstall()
