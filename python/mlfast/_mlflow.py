"""The requirement of mlfast that MLflow writes beside a saved model: a reference to where it was installed from.

MLflow infers requirements as names and versions. What was installed from a file or an address is not found under its
name, or something else is, so the requirement must be a direct reference, as ``pip freeze`` writes it. MLflow has no
hook for that: its function that writes one requirement is wrapped, once a model is saved while MLflow is loaded.
"""

import functools
import json
import warnings
from importlib.metadata import PackageNotFoundError, distribution
from types import ModuleType
from typing import Any

#: Where MLflow writes one requirement.
MODULE = "mlflow.utils.requirements_utils"
_FUNCTION = "_get_pinned_requirement"


def reference_mlfast(requirements: ModuleType) -> None:
    """Make MLflow refer to mlfast as it was installed; other packages, and other versions of MLflow, are left alone.

    Parameters
    ----------
    requirements : module
        ``mlflow.utils.requirements_utils``.
    """
    pinned: Any = getattr(requirements, _FUNCTION, None)
    if pinned is None or hasattr(pinned, "_refers_to_mlfast"):
        return

    @functools.wraps(pinned)
    def wrapper(req_str: str, *args: Any, **kwargs: Any) -> Any:
        reference = direct_reference() if req_str == "mlfast" else None
        if reference is None:
            return pinned(req_str, *args, **kwargs)
        if " @ file:" in reference:
            warnings.warn(
                f"The requirements of this model refer to {reference.removeprefix('mlfast @ ')}. If it is to be loaded "
                "where there is no such file, save mlfast.to_sklearn(model), which needs scikit-learn only.",
                stacklevel=2,
            )
        return reference

    wrapper._refers_to_mlfast = True  # type: ignore[attr-defined]
    setattr(requirements, _FUNCTION, wrapper)


def direct_reference() -> str | None:
    """Return the requirement that installs mlfast from where it came; None if it came from an index, by its name."""
    try:
        text = distribution("mlfast").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    return None if text is None else _requirement(json.loads(text))


def _requirement(origin: dict[str, Any]) -> str:
    """Return the requirement that says the same as a ``direct_url.json``."""
    url, fragments = origin["url"], []
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    archive = origin.get("archive_info", {})
    hashes = archive.get("hashes") or dict([archive["hash"].split("=", 1)] if archive.get("hash") else [])
    fragments += [f"{name}={value}" for name, value in sorted(hashes.items())[:1]]
    if "subdirectory" in origin:
        fragments.append(f"subdirectory={origin['subdirectory']}")
    return f"mlfast @ {url}" + (f"#{'&'.join(fragments)}" if fragments else "")
