"""Long calls of NumPy are made beside the thread that hears Ctrl-C."""

import signal
import threading
import time

import numpy as np
import pytest

from mlfast import _beside
from mlfast.linear_model import LinearRegression, Ridge, RidgeCV, _ordinary, _ridge, _ridge_cv

RNG = np.random.RandomState(0)
TALL, WIDE = RNG.randn(40, 7), RNG.randn(7, 40)


@pytest.fixture
def every_call_is_long(monkeypatch):
    monkeypatch.setattr(_beside, "LONG", 0)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_wait(every_call_is_long):
    end = threading.Event()
    main = threading.main_thread().ident
    timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
    start = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        _beside.beside(lambda table: end.wait(30), TALL)
    assert time.monotonic() - start < 5
    end.set()


def test_results_and_errors_come_back(every_call_is_long):
    assert _beside.beside(lambda table: threading.current_thread(), TALL) is not threading.current_thread()
    assert (_beside.beside(np.linalg.svd, TALL, compute_uv=False) == np.linalg.svd(TALL, compute_uv=False)).all()
    with pytest.raises(np.linalg.LinAlgError):
        _beside.beside(np.linalg.cholesky, -np.eye(3))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        _beside.beside(np.divide, np.ones((2, 2)), 0.0)


def test_short_calls_and_other_threads_take_no_thread(monkeypatch):
    assert _beside.beside(lambda table: threading.current_thread(), TALL) is threading.current_thread()
    monkeypatch.setattr(_beside, "LONG", 0)
    found = []
    where = threading.Thread(target=lambda: found.append(_beside.beside(lambda _: threading.current_thread(), TALL)))
    where.start()
    where.join()
    assert found == [where]


@pytest.mark.parametrize(
    ("module", "model", "X", "names"),
    [
        (_ridge_cv, RidgeCV(), TALL, ["eigh"]),
        (_ridge_cv, RidgeCV(), WIDE, ["matmul", "eigh"]),
        (_ridge_cv, RidgeCV(gcv_mode="svd"), TALL, ["svd"]),
        (_ridge_cv, RidgeCV(gcv_mode="svd"), WIDE, ["svd"]),
        (_ridge, Ridge(solver="svd"), TALL, ["svd"]),
        (_ridge, Ridge(solver="cholesky"), WIDE, ["matmul"]),
        (_ordinary, LinearRegression(), TALL, ["svd"]),
    ],
)
def test_long_calls_of_models(every_call_is_long, monkeypatch, module, model, X, names):
    called = []

    def noted(function, *arguments, **options):
        called.append(function.__name__)
        return _beside.beside(function, *arguments, **options)

    monkeypatch.setattr(module, "beside", noted)
    model.fit(X, X[:, 0])
    assert called == names
