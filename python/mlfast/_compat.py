"""The one place that knows which scikit-learn mlfast is a drop-in for."""

import re

import sklearn

#: First supported version, and the first that is not supported any more.
SUPPORTED = ((1, 9), (1, 10))


def check_version(version: str) -> None:
    """Raise ImportError unless ``version`` is a supported version of scikit-learn."""
    first, end = SUPPORTED
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if not first <= numbers < end:
        wanted = f">={first[0]}.{first[1]},<{end[0]}.{end[1]}"
        raise ImportError(
            f"mlfast gives the answers of scikit-learn {wanted}, but {version} is installed. "
            f"Install a supported one: pip install 'scikit-learn{wanted}'"
        )


check_version(sklearn.__version__)
