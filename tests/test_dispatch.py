"""Fallback policy, log lines and profile records."""

import logging
import math
import threading
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import mlfast
from mlfast._profile import HEADER, Profile, Record, own_seconds
from mlfast.cluster import BisectingKMeans, KMeans, MiniBatchKMeans, k_means, kmeans_plusplus
from mlfast.metrics.pairwise import pairwise_distances, pairwise_distances_argmin
from mlfast.neighbors import NearestNeighbors

from .contract.entry import mixture
from .isolated import clean_environment

X = mixture(0, 100, 3)


def reaching_the_parent():
    """A call that Rust does not cover: another bit generator than MT19937."""
    return KMeans(3, random_state=np.random.RandomState(np.random.PCG64(0))).fit(X)


class TestPolicy:
    def test_default(self):
        import subprocess
        import sys

        env = clean_environment()
        del env["MLFAST_FALLBACK"]
        code = "import mlfast; print(mlfast.get_config())"
        for value, expected in ((None, "sklearn"), ("warn", "warn"), ("raise", "raise")):
            run_env = env if value is None else {**env, "MLFAST_FALLBACK": value}
            run = subprocess.run([sys.executable, "-c", code], env=run_env, capture_output=True, text=True, check=True)
            assert run.stdout.strip() == str({"fallback": expected})

    def test_bad_value_in_the_environment(self):
        import subprocess
        import sys

        run = subprocess.run(
            [sys.executable, "-c", "import mlfast.cluster"],
            env=clean_environment(MLFAST_FALLBACK="never"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode != 0
        assert "never" in run.stderr

    def test_raise(self):
        with pytest.raises(mlfast.FallbackError, match=r"KMeans\.fit"):
            reaching_the_parent()
        assert issubclass(mlfast.FallbackError, RuntimeError)

    def test_raise_leaves_no_trace(self):
        est = KMeans(3, random_state=np.random.RandomState(np.random.PCG64(0)))
        with pytest.raises(mlfast.FallbackError):
            est.fit(X)
        assert not hasattr(est, "cluster_centers_")

    def test_warn(self):
        with mlfast.config_context(fallback="warn"), pytest.warns(mlfast.FallbackWarning, match=r"KMeans\.fit") as seen:
            reaching_the_parent()
        assert seen[0].filename == __file__, "the warning points at the caller's line"
        assert issubclass(mlfast.FallbackWarning, UserWarning)

    def test_log(self, caplog):
        with mlfast.config_context(fallback="sklearn"), caplog.at_level(logging.INFO, logger="mlfast"):
            est = reaching_the_parent()
        assert est.cluster_centers_.shape == (3, 3)
        record = next(r for r in caplog.records if r.name == "mlfast")
        assert record.levelno == logging.INFO
        assert "KMeans.fit" in record.getMessage()

    def test_nothing_is_logged_or_warned_when_rust_runs(self, caplog):
        with caplog.at_level(logging.DEBUG, logger="mlfast"), warnings.catch_warnings():
            warnings.simplefilter("error")
            KMeans(3, random_state=0).fit(X).predict(X)
        assert not [r for r in caplog.records if r.name == "mlfast"]

    def test_silent_by_default(self, capfd):
        """A library prints nothing unless asked."""
        with mlfast.config_context(fallback="sklearn"):
            reaching_the_parent()
        assert capfd.readouterr() == ("", "")


class TestConfiguration:
    def test_context_is_undone(self):
        before = mlfast.get_config()
        with mlfast.config_context(fallback="warn"):
            assert mlfast.get_config()["fallback"] == "warn"
            with mlfast.config_context(fallback="sklearn"):
                assert mlfast.get_config()["fallback"] == "sklearn"
            assert mlfast.get_config()["fallback"] == "warn"
        assert mlfast.get_config() == before

    def test_context_is_undone_after_an_error(self):
        before = mlfast.get_config()
        with pytest.raises(KeyError), mlfast.config_context(fallback="warn"):
            raise KeyError
        assert mlfast.get_config() == before

    @pytest.mark.fallback
    def test_set_config(self):
        before = mlfast.get_config()["fallback"]
        try:
            mlfast.set_config(fallback="warn")
            assert mlfast.get_config()["fallback"] == "warn"
        finally:
            mlfast.set_config(fallback=before)

    @pytest.mark.parametrize("value", ["never", "", 3, True])
    def test_bad_value(self, value):
        before = mlfast.get_config()
        with pytest.raises(ValueError, match="fallback"):
            mlfast.set_config(fallback=value)
        with pytest.raises(ValueError, match="fallback"), mlfast.config_context(fallback=value):
            pass
        assert mlfast.get_config() == before

    def test_unknown_setting(self):
        with pytest.raises(TypeError):
            mlfast.set_config(speed="fast")

    def test_get_config_returns_a_copy(self):
        mlfast.get_config()["fallback"] = "changed"
        assert mlfast.get_config()["fallback"] == "raise"

    def test_context_belongs_to_its_thread(self):
        seen = []
        with mlfast.config_context(fallback="warn"):
            worker = threading.Thread(target=lambda: seen.append(mlfast.get_config()["fallback"]))
            worker.start()
            worker.join()
            assert mlfast.get_config()["fallback"] == "warn"
        assert seen == ["sklearn"]


class TestProfile:
    def test_records(self):
        with mlfast.profile() as p:
            est = KMeans(3, random_state=0).fit(X)
            est.predict(X)
            est.transform(X)
            est.score(X)
        assert [(r.estimator, r.method) for r in p.records] == [
            ("KMeans", name) for name in ("fit", "predict", "transform", "score")
        ]
        for record in p.records:
            assert (record.engine, record.reason) == ("rust", None)
            assert record.seconds >= 0
            assert record.threads >= 1

    def test_all_estimators(self):
        with mlfast.profile() as p:
            MiniBatchKMeans(3, random_state=0).partial_fit(X).fit(X)
            BisectingKMeans(3, random_state=0).fit(X)
        assert [(r.estimator, r.method, r.engine) for r in p.records] == [
            ("MiniBatchKMeans", "partial_fit", "rust"),
            ("MiniBatchKMeans", "fit", "rust"),
            ("BisectingKMeans", "fit", "rust"),
        ]

    def test_functions(self):
        with mlfast.profile() as p:
            k_means(X, 3, random_state=0)
            kmeans_plusplus(X, 3, random_state=0)
        assert p.records
        assert {r.engine for r in p.records} == {"rust"}

    def test_fallback_has_its_reason(self):
        with mlfast.config_context(fallback="sklearn"), mlfast.profile() as p:
            reaching_the_parent()
        (record,) = p.records
        assert record.engine == "sklearn"
        assert "MT19937" in record.reason

    @pytest.mark.fallback
    @pytest.mark.parametrize(
        ("call", "reason"),
        [
            (lambda: NearestNeighbors(metric="haversine").fit(X[:, :2]), "metric='haversine' is not covered"),
            (lambda: NearestNeighbors(metric=math.dist).fit(X), "metric is dist, a function or an object"),
            (
                lambda: NearestNeighbors(metric_params={"w": [1, 2, 3]}).fit(X),
                "metric='minkowski' with w is not covered",
            ),
            (lambda: pairwise_distances(X[:3], metric="jaccard"), "metric='jaccard' is not covered"),
            (lambda: pairwise_distances(X[:3], metric=math.dist), "metric=dist is not covered"),
            (lambda: pairwise_distances_argmin(X[:3], X, metric="jaccard"), "metric='jaccard' is not covered"),
        ],
    )
    @pytest.mark.filterwarnings("ignore:Data was converted to boolean")
    def test_a_reason_names_what_was_given(self, call, reason):
        with mlfast.profile() as p:
            call()
        assert p.records[-1].reason.startswith(reason)
        assert len(p.records[-1].reason) < 80

    def test_table(self):
        with mlfast.profile() as p:
            KMeans(3, random_state=0).fit(X)
        table = str(p)
        for word in ("estimator", "method", "engine", "reason", "seconds", "threads", "KMeans", "fit", "rust"):
            assert word in table

    def test_total(self):
        """Time of a call within another one of its thread counts once, and a table ends with the total."""
        outer = Record("Outer", "fit", "rust", None, 5.0, 1, process=1, thread=1, end=10.0)
        inner = [
            Record("Inner", "predict", "rust", None, 1.0, 1, process=1, thread=1, end=end) for end in (4.0, 7.0, 9.0)
        ]
        within = Record("Within", "predict", "sklearn", "why", 0.25, 1, process=1, thread=1, end=8.5)
        beside = [
            Record("Beside", "fit", "rust", None, 2.0, 1, process=process, thread=thread, end=9.5)
            for process, thread in ((1, 2), (2, 1))
        ]
        p = Profile([*inner[:2], within, inner[2], *beside, outer])
        assert own_seconds(p.records) == [1.0, 1.0, 0.25, 0.75, 2.0, 2.0, 3.0]
        assert p.total_seconds == 10.0
        *_, total = str(p).splitlines()
        assert total.split() == ["total", "7", "10.000000", "2"]

    def test_nested_calls_of_estimators(self):
        with mlfast.profile() as p:
            GridSearchCV(KMeans(random_state=0), {"n_clusters": [2, 3]}, cv=2).fit(X)
            BisectingKMeans(3, random_state=0).fit_predict(X)
        own = own_seconds(p.records)
        assert all(0 <= mine <= record.seconds for mine, record in zip(own, p.records, strict=True))
        assert p.total_seconds == sum(own)

    def test_frame(self):
        with mlfast.profile() as p:
            KMeans(3, random_state=0).fit(X).predict(X)
        frame = p.to_frame()
        assert frame["method"].tolist() == ["fit", "predict"]
        assert frame["own_seconds"].tolist() == frame["seconds"].tolist() == [r.seconds for r in p.records]
        assert {"estimator", "engine", "reason", "threads", "process"} <= set(frame.columns)
        assert Profile().to_frame().columns.tolist() == frame.columns.tolist()

    def test_html(self):
        p = Profile([Record("KMeans", "fit", "sklearn", "a < b", 0.5, 2)])
        page = ElementTree.fromstring(p._repr_html_())
        rows = [[cell.text or "" for cell in row] for row in page]
        assert rows[0] == list(HEADER)
        assert rows[1] == ["KMeans", "fit", "sklearn", "1", "0.500000", "0.500000", "2", "1", "a < b"]
        assert rows[2][0] == "total"

    def test_empty(self):
        with mlfast.profile() as p:
            pass
        assert p.records == []
        assert p.total_seconds == 0
        assert str(p).splitlines()[-1].split() == ["total", "0", "0.000000", "0"]

    def test_nothing_after_the_block(self):
        with mlfast.profile() as p:
            KMeans(3, random_state=0).fit(X)
        KMeans(3, random_state=0).fit(X)
        assert len(p.records) == 1

    def test_nested(self):
        """The inner profile sees what runs inside it, and the outer one goes on afterwards."""
        with mlfast.profile() as outer:
            KMeans(3, random_state=0).fit(X)
            with mlfast.profile() as inner:
                MiniBatchKMeans(3, random_state=0).fit(X)
            BisectingKMeans(3, random_state=0).fit(X)
        assert [r.estimator for r in inner.records] == ["MiniBatchKMeans"]
        assert {"KMeans", "BisectingKMeans"} <= {r.estimator for r in outer.records}
