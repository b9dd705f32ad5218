"""The rows of the neural_network room.

Every contestant trains the same network on as many batches of as many samples, for as many epochs. PyTorch does it as
its tutorials do, on the CPU, with its own draws; the fused step of Adam is taken because it is the fastest it has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Scores, Work
from peers import Peer

TITLE = "Neural networks"
NOTES: tuple[str, ...] = ()
PAIR = ("mlfast", "sklearn")
Job = Callable[[Peer, Data, int], Work]
ALPHA, RATE = 1e-4, 1e-3  # what scikit-learn has by default


@dataclass(frozen=True)
class Task:
    """A network and its course: units of the hidden layers, samples of a batch, epochs."""

    hidden: tuple[int, ...]
    batch: int
    epochs: int
    #: Of hidden units silent in a step; if there are any, the sums of hidden units are normalised too.
    dropout: float = 0.0

    @property
    def params(self) -> dict[str, Any]:
        return {
            "hidden_layer_sizes": self.hidden,
            "batch_size": self.batch,
            "max_iter": self.epochs,
            "tol": 0.0,
            "n_iter_no_change": self.epochs,  # nobody stops before
            "random_state": 0,
            **({"dropout": self.dropout, "batch_normalization": True} if self.dropout else {}),
        }


# ---- data ----


def classes(n: int, d: int, n_classes: int, dtype: Any = np.float32) -> Callable[[int], Data]:
    """Normal features x (n x d) and classes y (n) that follow from all of them, with noise."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d))
        y = x @ random.standard_normal((d, n_classes)) + random.standard_normal((rows, n_classes))
        return {"x": x.astype(dtype), "y": y.argmax(axis=1), "n_classes": n_classes}

    return make


def numbers(n: int, d: int) -> Callable[[int], Data]:
    """Normal features x (n x d) and targets y (n) that follow from all of them, with noise."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d))
        return {"x": x, "y": np.tanh(x @ random.standard_normal(d)) + 0.1 * random.standard_normal(rows)}

    return make


def sparse(scale: int) -> Data:
    """20k x 5,000, one value in a hundred stored; four classes."""
    import scipy.sparse as sp

    random = np.random.default_rng(0)
    rows = max(20_000 // scale, 100)
    x = sp.random_array((rows, 5_000), density=0.01, format="csr", rng=random)
    return {"x": x, "y": (x @ random.standard_normal((5_000, 4))).argmax(axis=1), "n_classes": 4}


# ---- PyTorch ----


@dataclass
class Trained:
    """What PyTorch trained, with the losses of the epochs."""

    network: Any
    loss_curve_: list[float]


class Torch:
    """A perceptron of PyTorch's: as many outputs as scikit-learn's has, one if there are two classes."""

    def __init__(self, torch: Any, task: Task, data: Data) -> None:
        self.torch, self.task = torch, task
        self.is_binary = data["n_classes"] == 2
        self.dtype = torch.from_numpy(data["x"][:1]).dtype
        self.units = (data["x"].shape[1], *task.hidden, 1 if self.is_binary else data["n_classes"])

    def network(self) -> Any:
        nn = self.torch.nn
        layers: list[Any] = []
        for at, (fan_in, fan_out) in enumerate(zip(self.units[:-1], self.units[1:], strict=True)):
            if at and self.task.dropout:
                layers += [nn.BatchNorm1d(fan_in, dtype=self.dtype), nn.ReLU(), nn.Dropout(self.task.dropout)]
            elif at:
                layers.append(nn.ReLU())
            layers.append(nn.Linear(fan_in, fan_out, dtype=self.dtype))
        return nn.Sequential(*layers)

    def train(self, x: np.ndarray, y: np.ndarray) -> Trained:
        torch, size = self.torch, self.task.batch
        torch.manual_seed(0)
        network = self.network().train()
        step = torch.optim.Adam(network.parameters(), lr=RATE, weight_decay=ALPHA / size, fused=True)
        judge = torch.nn.BCEWithLogitsLoss() if self.is_binary else torch.nn.CrossEntropyLoss()
        features, targets = torch.from_numpy(x), torch.from_numpy(y)
        if self.is_binary:
            targets = targets.to(self.dtype).unsqueeze(1)
        losses = []
        for _ in range(self.task.epochs):
            total = 0.0
            for rows in torch.randperm(len(x)).split(size):
                step.zero_grad()
                loss = judge(network(features[rows]), targets[rows])
                loss.backward()
                step.step()
                total += loss.item() * len(rows)
            losses.append(total / len(x))
        return Trained(network.eval(), losses)

    def proba(self, network: Any, x: np.ndarray) -> np.ndarray:
        torch = self.torch
        with torch.inference_mode():
            said = network(torch.from_numpy(x))
            if self.is_binary:
                ones = said.sigmoid()
                return torch.hstack([1 - ones, ones]).numpy()
            return said.softmax(dim=1).numpy()


# ---- jobs ----


def train(task: Task) -> dict[str, Job]:
    """scikit-learn has no network with dropout."""
    names, name = (("mlfast",), "NetworkClassifier") if task.dropout else (PAIR, "MLPClassifier")

    def job(peer: Peer, data: Data, threads: int) -> Work:
        return lambda: peer.build(f"neural_network.{name}", threads, **task.params).fit(data["x"], data["y"])

    def by_torch(peer: Peer, data: Data, threads: int) -> Work:
        torch = Torch(peer.module, task, data)
        return lambda: torch.train(data["x"], data["y"])

    return {**dict.fromkeys(names, job), "torch": by_torch}


def probabilities(task: Task, rows: int | None = None) -> dict[str, Job]:
    """The probabilities of the first rows, by a network that saw a thousand samples."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        with peer.running(threads):
            model = peer.build("neural_network.MLPClassifier", threads, **task.params)
            model.fit(data["x"][:1000], data["y"][:1000])
        asked, call = data["x"][:rows], model.predict_proba
        return lambda: call(asked)

    def by_torch(peer: Peer, data: Data, threads: int) -> Work:
        torch = Torch(peer.module, task, data)
        with peer.running(threads):
            network, asked = torch.train(data["x"][:1000], data["y"][:1000]).network, data["x"][:rows]
        return lambda: torch.proba(network, asked)

    return {**dict.fromkeys(PAIR, job), "torch": by_torch}


def fit(name: str, **params: Any) -> dict[str, Job]:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        return lambda: peer.build(f"neural_network.{name}", threads, **params).fit(data["x"], data["y"])

    return dict.fromkeys(PAIR, job)


def ask(name: str, **params: Any) -> dict[str, Job]:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        with peer.running(threads):
            model = peer.build(f"neural_network.{name}", threads, **params).fit(data["x"], data["y"])
        asked, call = data["x"], model.predict
        return lambda: call(asked)

    return dict.fromkeys(PAIR, job)


# ---- rows ----


def course(_data: Data, result: Any, reference: Any) -> Scores:
    """The last loss, and how far the losses are from scikit-learn's; PyTorch draws otherwise."""
    found = {"last loss": float(result.loss_curve_[-1])}
    if reference is not None and not isinstance(result, Trained):
        found["apart by"] = scores.apart(result.loss_curve_, reference.loss_curve_)
    return found


def losses(_data: Data, result: Any, reference: Any) -> Scores:
    """The last loss, and how far it is from scikit-learn's."""
    found = {"last loss": float(result.loss_)}
    return found if reference is None else {**found, "apart by": scores.apart([result.loss_], [reference.loss_])}


def answers(_data: Data, result: Any, reference: Any) -> Scores:
    """The largest difference of a probability from scikit-learn's; PyTorch's network is another."""
    return {} if reference is None else {"apart by at most": float(np.abs(result - reference).max())}


WIDE, DEEP, SMALL = Task((256,), 200, 5), Task((100, 100), 200, 10), Task((16,), 32, 50)
SILENCED = Task((256,), 200, 5, dropout=0.5)
WIDE_DATA = classes(20_000, 784, 10)
DEEP_DATA = classes(20_000, 64, 5)
FULL = {"hidden_layer_sizes": (100,), "max_iter": 20, "random_state": 0}
TINY = {"hidden_layer_sizes": (10,), "max_iter": 10, "random_state": 0}
MAIN = [
    Row(
        "mlp-wide",
        "MLPClassifier fit, 20k x 784, hidden 256, 10 classes, 5 epochs, f32",
        WIDE_DATA,
        train(WIDE),
        course,
        2,
    ),
    Row("mlp-dropout", "the same, dropout and batch normalisation", WIDE_DATA, train(SILENCED), course, 1.5),
    Row("mlp-deep", "20k x 64, hidden 100-100, 10 epochs, f32", DEEP_DATA, train(DEEP), course, 3.5),
    Row(
        "mlp-small",
        "2k x 20, hidden 16, batch 32, 50 epochs",
        classes(2_000, 20, 2, np.float64),
        train(SMALL),
        course,
        15,
    ),
    Row(
        "mlp-double",
        "20k x 64, hidden 100-100, 10 epochs, f64",
        classes(20_000, 64, 5, np.float64),
        train(DEEP),
        course,
        2,
    ),
    Row(
        "mlp-csr",
        "CSR, 20k x 5,000 at 1 %, hidden 100, 5 epochs",
        sparse,
        fit("MLPClassifier", **Task((100,), 200, 5).params),
        course,
    ),
    Row(
        "mlp-lbfgs",
        "MLPRegressor fit, lbfgs, 20k x 20, hidden 100, 20 steps",
        numbers(20_000, 20),
        fit("MLPRegressor", solver="lbfgs", **FULL),
        losses,
        1,
    ),
    Row(
        "mlp-proba",
        "predict_proba, 100k x 64, hidden 100-100, f32",
        classes(100_000, 64, 5),
        probabilities(DEEP),
        answers,
        2,
    ),
    Row(
        "mlp-one-row",
        "predict_proba of one row, hidden 100-100, f32",
        DEEP_DATA,
        probabilities(DEEP, 1),
        answers,
        1,
        limit=6e-6,
        short=True,
    ),
]


def small_row(name: str, method: str) -> Row:
    """A row on 100 x 5 data: mlfast must not be slower than scikit-learn."""
    jobs = fit(name, **TINY) if method == "fit" else ask(name, **TINY)
    data = classes(100, 5, 3, np.float64) if name == "MLPClassifier" else numbers(100, 5)
    judge = course if method == "fit" else scores.values
    title = f"100 x 5: {name}.{method}"
    return Row(f"small-{name.lower()}-{method}", title, data, jobs, judge, 1, "sklearn", short=True, minor=True)


def own_row(name: str, like: str, **params: Any) -> Row:
    """The same of a network that scikit-learn has under another name, or, the targets being the features, in pieces."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        ours = peer.name == "mlfast"
        model, given = (name, {**TINY, **params}) if ours else (like, TINY)
        y = data["x"] if name == "Autoencoder" else data["y"]
        return lambda: peer.build(f"neural_network.{model}", threads, **given).fit(data["x"], y)

    data = classes(100, 5, 3, np.float64) if like == "MLPClassifier" else numbers(100, 5)
    jobs, title = dict.fromkeys(PAIR, job), f"100 x 5: {name}.fit, {like}"
    return Row(f"small-{name.lower()}", title, data, jobs, losses, 1, "sklearn", short=True, minor=True)


NAMES = ("MLPClassifier", "MLPRegressor")
OWN = (
    own_row("NetworkClassifier", "MLPClassifier"),
    own_row("NetworkRegressor", "MLPRegressor"),
    own_row("Autoencoder", "MLPRegressor", n_components=10, hidden_layer_sizes=(), activation="relu"),
)
ROWS = [*MAIN, *(small_row(name, method) for name in NAMES for method in ("fit", "predict")), *OWN]
