"""Training that is saved every few epochs, and goes on from there."""

import json
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from mlfast._core import neural_network as core

#: Changes when the meaning of what is saved changes.
VERSION = 1

#: Numbers of the state of training, and arrays of it that are always there.
_NUMBERS = ("count", "rate", "n_samples_seen", "best", "n_no_improvement")
_ARRAYS = ("params", "exp_avg", "exp_avg_sq", "order")
_CURVES = ("losses", "scores", "held_out_losses")


class Checkpoint:
    """Where training is saved, and how often.

    What goes on from a checkpoint takes the same steps as what was never interrupted, to the last bit: the state of the
    random generator is saved as it was before the first draw, so that the same samples are held out, and as it is now.

    Parameters
    ----------
    path : str or PathLike
        The file; it is replaced at once, so that one that can be read is always there.
    every : int
        Epochs between two.
    resumes : bool
        Whether to go on from what is there, if it is.
    """

    def __init__(self, path: Any, every: int, resumes: bool) -> None:
        self.path = Path(path)
        self.every = every
        self.saved = self._read() if resumes and self.path.exists() else None
        self.begun: list[Any] = []

    def start(self, random: np.random.RandomState) -> None:
        """Remember the generator before the first draw, or put it back to where it was then."""
        if self.saved is not None:
            _set_random(random, self.saved, "begun")
        self.begun = _random(random)

    def run(self, given: dict[str, Any], state: dict[str, Any], max_iter: int) -> dict[str, Any]:
        """Train by so many epochs at a time, and save after them.

        Parameters
        ----------
        given : dict
            What ``core.train`` is told and does not change.
        state : dict
            What changes with every epoch.
        max_iter : int
            Most epochs, those before the checkpoint among them.

        Returns
        -------
        found : dict
            As of ``core.train``, of all epochs.
        """
        random = given["random_state"]
        curves: dict[str, list[float]] = {name: [] for name in _CURVES}
        best_params, verdict = None, "go on"
        asked = _asked(given)
        if self.saved is not None:
            if self.saved["asked"] != asked:
                differ = sorted(name for name in asked if asked[name] != self.saved["asked"].get(name))
                raise ValueError(f"{self.path} is a checkpoint of another training: {', '.join(differ)} differ.")
            state = {**state, **{name: self.saved[name] for name in (*_NUMBERS, *_ARRAYS)}}
            curves = {name: self.saved[name] for name in _CURVES}
            best_params, verdict = self.saved["best_params"], self.saved["verdict"]
            given = {**given, "extras": {**given["extras"], "seed": self.saved["seed"]}}
            _set_random(random, self.saved, "random")
        found = {**state, "verdict": verdict, "was_interrupted": False, "was_stopped": False}
        while verdict in ("go on", "lower") and len(curves["losses"]) < max_iter:
            done = len(curves["losses"])
            told = {**given, "report": _report(given["report"], done, best_params)}
            found = core.train(**told, **state, max_iter=min(self.every, max_iter - done))
            state = {name: found[name] for name in (*_NUMBERS, *_ARRAYS)}
            curves = {name: curves[name] + found[name] for name in _CURVES}
            best_params = best_params if found["best_params"] is None else found["best_params"]
            verdict = found["verdict"]
            if verdict != "diverged" and not found["was_interrupted"]:
                kept = {"asked": asked, "verdict": verdict, "seed": given["extras"]["seed"]}
                self._write(state, curves, best_params, kept, random)
            if found["was_interrupted"] or found["was_stopped"]:
                break
        return {**found, **curves, "best_params": best_params}

    def _write(
        self,
        state: dict[str, Any],
        curves: dict[str, list[float]],
        best_params: np.ndarray | None,
        kept: dict[str, Any],
        random: np.random.RandomState,
    ) -> None:
        """Replace the file by one of this state."""
        numbers = {name: state[name] for name in _NUMBERS}
        head = {
            "version": VERSION,
            **kept,
            "numbers": numbers,
            **curves,
            "begun": self.begun,
            "random": _random(random),
        }
        arrays = {name: state[name] for name in _ARRAYS}
        if best_params is not None:
            arrays["best_params"] = best_params
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            with beside.open("wb") as file:
                np.savez(file, head=np.array(json.dumps(head)), **arrays)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        """Return what the file holds.

        Raises
        ------
        ValueError
            If it is no checkpoint, or a damaged one.
        """
        whole = self.path.read_bytes()
        try:
            with np.load(BytesIO(whole), allow_pickle=False) as file:
                head = json.loads(str(file["head"]))
                arrays = {name: file[name] for name in _ARRAYS}
                arrays["best_params"] = file.get("best_params")
            if head["version"] != VERSION:
                raise ValueError(f"it has version {head['version']}, mlfast reads version {VERSION}")
            numbers = {name: head["numbers"][name] for name in _NUMBERS}
            known = ("asked", "verdict", "seed", "begun", "random", *_CURVES)
            return {**{name: head[name] for name in known}, **numbers, **arrays}
        except Exception as error:  # of a damaged file, readers raise nearly anything
            raise ValueError(f"{self.path} is no checkpoint that can be read: {error}") from error


def _report(
    report: Callable[..., bool] | None, done: int, best_params: np.ndarray | None
) -> Callable[..., bool] | None:
    """Return what tells `report` of epochs after those that are done and have led to these best parameters."""
    if report is None:
        return None

    def after(number: int, *told: Any) -> bool:
        reached = told[-1]
        if reached["best_params"] is None:
            reached["best_params"] = best_params
        return report(done + number, *told)

    return after


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """Return what two trainings must have in common, one to go on where the other ended."""
    x = given["x"]
    plain = {
        name: value
        for name, value in given.items()
        if isinstance(value, bool | int | float | str | list | tuple) and name not in ("n_threads", "held_out")
    }
    extras = {name: value for name, value in given["extras"].items() if name != "seed"}
    shape = {"samples": x.shape[0], "type": str(x.dtype), "is_weighted": given["sample_weight"] is not None}
    known: dict[str, Any] = json.loads(json.dumps({**plain, **extras, **shape}))
    return known


def _random(random: np.random.RandomState) -> list[Any]:
    name, key, position, has_gauss, gauss = random.get_state()
    return [name, [int(word) for word in key], int(position), int(has_gauss), float(gauss)]


def _set_random(random: np.random.RandomState, saved: dict[str, Any], name: str) -> None:
    kind, key, position, has_gauss, gauss = saved[name]
    random.set_state((kind, np.array(key, dtype=np.uint32), position, has_gauss, gauss))
