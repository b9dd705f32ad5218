"""Settings and fixtures shared by all Python tests."""

import os
import signal

# Before scikit-learn is loaded: its OpenMP threads spin while they wait, which on a machine with other work to do makes
# the parent a hundred times slower. It changes no result.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import mlfast

pytest.register_assert_rewrite(f"{__package__}.compare")  # before anything imports it

from . import budget, realdata, tiers  # noqa: E402

# Some entries can be compared on a quarter of the drawn tables; as many as the profile says are compared all the same.
SLOW_DATA = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile(
    "default",
    max_examples=20,
    deadline=None,  # two fits per example, one of them scikit-learn's
    derandomize=True,  # what is red on one machine must be red on another; `make nightly` draws anew
    print_blob=True,
    suppress_health_check=SLOW_DATA,
)
settings.register_profile(
    "nightly",
    max_examples=1000,
    deadline=None,
    derandomize=False,  # which it would be where CI is set
    print_blob=True,
    suppress_health_check=SLOW_DATA,
)
settings.register_profile("fast", settings.get_profile("default"), max_examples=5)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser):
    parser.addoption("--tier", choices=tiers.TIERS, default=tiers.DEFAULT, help="which tests run: tests/README.md")


def pytest_configure(config):
    fallback = "fallback: the call is meant to reach scikit-learn, so it runs under the default fallback policy"
    for marker in (fallback, *tiers.MARKERS):
        config.addinivalue_line("markers", marker)
    tier = config.getoption("tier")
    if tier == "fast":
        settings.load_profile("fast")
    if not hasattr(config, "workerinput"):  # else a worker of pytest-xdist
        config.pluginmanager.register(budget.Seconds(tier), "seconds")


def pytest_collection_modifyitems(config, items):
    items[:], left = tiers.split(items, config.getoption("tier"))
    if left:
        config.hook.pytest_deselected(items=left)


@pytest.fixture(autouse=True)
def only_rust(request):
    """Run the test under fallback="raise": a silent fallback must not pass for the Rust path."""
    if request.node.get_closest_marker("fallback"):
        yield
        return
    with mlfast.config_context(fallback="raise"):
        yield


@pytest.fixture
def threads():
    """`mlfast.set_num_threads`, undone after the test."""
    before = mlfast.get_num_threads()
    yield mlfast.set_num_threads
    mlfast.set_num_threads(None)
    assert mlfast.get_num_threads() == before, "None goes back to the cap of the process"


def _frozen(X):
    X.setflags(write=False)  # shared by the whole session: no test may change it
    return X


@pytest.fixture(scope="session")
def digits():
    """Handwritten digits, float64 of shape (1797, 64), whole numbers 0 to 16."""
    return _frozen(realdata.digits())


@pytest.fixture(scope="session")
def iris():
    """Iris, float64 of shape (150, 4), in centimetres."""
    return _frozen(realdata.iris())


@pytest.fixture(scope="session")
def photo():
    """Every 40th pixel of a bundled photograph, float64 of shape (6832, 3), in [0, 1]."""
    return _frozen(realdata.photo())


@pytest.fixture(scope="session")
def california():
    """California housing, standardised, float64 of shape (20640, 8)."""
    X = realdata.california()
    if X is None:
        pytest.skip(realdata.ABSENT)
    return _frozen(X)


@pytest.fixture(scope="session")
def mnist():
    """2,000 of MNIST's test digits, float64 of shape (2000, 784), in [0, 1]."""
    X = realdata.mnist()
    if X is None:
        pytest.skip(realdata.ABSENT)
    return _frozen(X)


@pytest.fixture(scope="session")
def real(request):
    """Look a real data set up by its name, so that tests can be parametrised over names."""

    def get(name, dtype=np.float64):
        return request.getfixturevalue(name).astype(dtype)

    return get


@pytest.fixture
def interruptible():
    """Hear Ctrl-C: what a shell runs in the background is deaf to it from its start on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
