"""Real data for the tests: bundled with scikit-learn, or in the shared data folder beside the repository."""

import gzip
import os
from pathlib import Path

import numpy as np
from sklearn.datasets import (
    fetch_california_housing,
    load_digits,
    load_iris,
    load_sample_image,
)

ABSENT = "shared data folder absent"  # the project does not depend on that folder


def shared_file(name):
    """Path of a file in SCIKIT_LEARN_DATA or in ../shared/data, or None."""
    folders = [Path(__file__).resolve().parents[2] / "shared" / "data"]
    if os.environ.get("SCIKIT_LEARN_DATA"):
        folders.insert(0, Path(os.environ["SCIKIT_LEARN_DATA"]))
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def digits():
    return load_digits().data


def iris():
    return load_iris().data


def photo():
    pixels = load_sample_image("china.jpg").reshape(-1, 3)
    return np.ascontiguousarray(pixels[::40], dtype=np.float64) / 255


def california():
    found = shared_file("cal_housing_py3.pkz")
    if found is None:
        return None
    X = fetch_california_housing(data_home=found.parent, download_if_missing=False).data
    return (X - X.mean(axis=0)) / X.std(axis=0)


def mnist(n=2000):
    found = shared_file("t10k-images-idx3-ubyte.gz")
    if found is None:
        return None
    with gzip.open(found) as f:
        header = np.frombuffer(f.read(16), dtype=">i4")
        images = np.frombuffer(f.read(), dtype=np.uint8).reshape(header[1], -1)
    return images[:n] / 255.0
