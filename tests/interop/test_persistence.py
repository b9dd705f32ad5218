"""Files: state that stays in the file it was mapped from, skops, and models of other versions of mlfast."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlfast
from mlfast.cluster import BisectingKMeans, KMeans
from mlfast.neighbors import KNeighborsClassifier, NearestNeighbors

from ..compare import bits, state_bits
from ..contract.entry import mixture, names_of_classes, sparse_mixture
from .meta import distinct

X, Y, NEW = mixture(0, 120, 4), names_of_classes(0, 120), mixture(1, 40, 4)


def mapped(model, path):
    """The model, read from a file that is mapped and must not be written to."""
    joblib.dump(model, path / "model.joblib")
    return joblib.load(path / "model.joblib", mmap_mode="r")


def arrays(est):
    """The arrays of an estimator by name; those in a list with their position."""
    parts = [
        ((name, position), part)
        for name, value in vars(est).items()
        for position, part in enumerate(value if isinstance(value, list) else [value])
    ]
    return {name: part for name, part in parts if isinstance(part, np.ndarray)}


# scikit-learn's trees copy the arrays that they are made of.
MAPPED = [entry for entry in distinct() if not {"tree_", "estimators_"} & set(entry.state)]


class TestMapped:
    @pytest.mark.parametrize("entry", MAPPED, ids=lambda e: e.name)
    def test_stays_mapped(self, entry, tmp_path):
        """Workers that map one file share its pages: no use may replace a mapped array by a copy."""
        est = entry.fit(entry.data(0, 300, 4))
        back = mapped(est, tmp_path)
        before = arrays(back)
        assert any(isinstance(value, np.memmap) and value.dtype.kind == "f" for value in before.values())
        rows = entry.data(1, 60, 4)
        assert bits(entry.results(back, rows)) == bits(entry.results(est, rows))
        after = arrays(back)
        assert all(after[name] is before[name] for name in before)
        assert not any(value.flags.writeable for value in before.values() if isinstance(value, np.memmap))

    def test_sparse_rows(self, tmp_path):
        est = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(sparse_mixture(0, 200, 6))
        back = mapped(est, tmp_path)
        assert isinstance(back._fit_X.data, np.memmap)
        assert bits(back.kneighbors(sparse_mixture(1, 30, 6))) == bits(est.kneighbors(sparse_mixture(1, 30, 6)))
        assert isinstance(back._fit_X.data, np.memmap)

    def test_inside_a_search(self, tmp_path):
        model = GridSearchCV(make_pipeline(StandardScaler(), KNeighborsClassifier()), {}, cv=3).fit(X, Y)
        back = mapped(model, tmp_path)
        assert isinstance(back.best_estimator_[-1]._fit_X, np.memmap)
        assert bits(back.predict_proba(NEW)) == bits(model.predict_proba(NEW))

    def test_can_be_fitted_again(self, tmp_path):
        est = KMeans(3, n_init=1, random_state=0).fit(X)
        assert state_bits(mapped(est, tmp_path).fit(X)) == state_bits(est)


class TestSkops:
    @pytest.mark.parametrize("entry", distinct(), ids=lambda e: e.name)
    def test_round_trip(self, entry):
        est = entry.fit(entry.data(0, 120, 4))
        saved = skops.io.dumps(est)
        asked = skops.io.get_untrusted_types(data=saved)
        assert f"{entry.ours.__module__}.{entry.ours.__name__}" in asked, "else the list would prove nothing"
        assert set(asked) <= set(mlfast.skops_trusted_types())
        back = skops.io.loads(saved, trusted=mlfast.skops_trusted_types())
        assert type(back) is entry.ours
        assert state_bits(back) == state_bits(est)
        rows = entry.data(1, 40, 4)
        assert bits(entry.results(back, rows)) == bits(entry.results(est, rows))

    @pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
    def test_parts_of_scikit_learn(self, algorithm):
        """A bisection keeps objects of scikit-learn that skops does not know."""
        saved = skops.io.dumps(BisectingKMeans(3, algorithm=algorithm, random_state=0).fit(X))
        back = skops.io.loads(saved, trusted=mlfast.skops_trusted_types())
        assert bits(back.predict(NEW)) == bits(
            BisectingKMeans(3, algorithm=algorithm, random_state=0).fit(X).predict(NEW)
        )

    def test_inside_a_pipeline(self, tmp_path):
        model = make_pipeline(StandardScaler(), KNeighborsClassifier(3)).fit(X, Y)
        skops.io.dump(model, tmp_path / "model.skops")
        back = skops.io.load(tmp_path / "model.skops", trusted=mlfast.skops_trusted_types())
        assert bits(back.predict_proba(NEW)) == bits(model.predict_proba(NEW))

    def test_plain_needs_no_trust_in_us(self):
        plain = mlfast.to_sklearn(make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)).fit(X))
        assert skops.io.get_untrusted_types(data=skops.io.dumps(plain)) == []

    def test_nobody_is_trusted_unasked(self):
        with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException):
            skops.io.loads(skops.io.dumps(KMeans(3)))

    def test_corrupt_state_is_refused(self):
        """What is checked of a pickle is checked of a skops file."""
        est = KMeans(3, n_init=1, random_state=0).fit(X)
        est.cluster_centers_ = est.cluster_centers_[0]
        with pytest.raises(ValueError, match="corrupt state"):
            skops.io.loads(skops.io.dumps(est), trusted=mlfast.skops_trusted_types())

    def test_names(self):
        """Only what may stand in a file: estimators, and the parts that they ask for."""
        names = mlfast.skops_trusted_types()
        assert names == sorted(set(names))
        assert {f"{entry.ours.__module__}.{entry.ours.__name__}" for entry in distinct()} <= set(names)
        assert not any(name.startswith("mlfast._") for name in names)


def with_state(est, **changes):
    """Load the state of an estimator as if it had been saved with these changes; None takes an item away."""
    state = {**est.__getstate__(), **changes}
    other = type(est).__new__(type(est))
    other.__setstate__({name: value for name, value in state.items() if value is not None})
    return other


class TestVersions:
    est = KMeans(3, n_init=1, random_state=0).fit(X)

    def test_same_version_is_silent(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert state_bits(pickle.loads(pickle.dumps(self.est))) == state_bits(self.est)

    @pytest.mark.parametrize("version", ["0.0.1", "99.0", None])
    def test_other_mlfast_warns(self, version):
        """By name of both versions; and who listens for scikit-learn's warning hears it."""
        with pytest.warns(mlfast.VersionWarning) as caught:
            back = with_state(self.est, _mlfast_version=version)
        (warning,) = caught
        assert str(warning.message).startswith(
            f"KMeans was saved by mlfast {version or 'unknown'} and is loaded by mlfast {mlfast.__version__}"
        )
        assert isinstance(warning.message, InconsistentVersionWarning)
        assert state_bits(back) == state_bits(self.est)
        assert not any("version" in name for name in vars(back)), "versions are no part of the estimator"

    def test_warning_points_at_the_load(self):
        version = mlfast.__version__.encode()
        data = pickle.dumps(self.est).replace(version, version[:-1] + b"~")
        with pytest.warns(mlfast.VersionWarning) as caught:
            pickle.loads(data)
        assert caught[0].filename == __file__

    @pytest.mark.parametrize("version", [0, 2, "1", None])
    def test_other_format_is_refused(self, version):
        """With the way out: nothing is read that may mean something else."""
        with pytest.raises(ValueError, match=r"mlfast 9\.1 saved it in version .*to_sklearn"):
            with_state(self.est, _mlfast_state_version=version, _mlfast_version="9.1")
