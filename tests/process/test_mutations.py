"""
Fitted models that somebody edits: an answer or an exception, but never a crash, nor InternalError.

A few edits of each estimator here; at night all of them.
"""

import os
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse as sp

import mlfast
from mlfast.ensemble import AdaBoostRegressor, IsolationForest, RandomForestRegressor
from mlfast.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
)
from mlfast.tree import DecisionTreeRegressor

from ..compare import bits, outcome
from ..contract.entry import mixture, numbers
from ..contract.registry import ENTRIES
from ..isolated import forked
from . import mutations

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
EDITS = 10**6 if NIGHTLY else 24
#: Names whose few edits go on in one process.
GROUPS = [[entry.name] for entry in ENTRIES] if NIGHTLY else [[entry.name for entry in ENTRIES[i::8]] for i in range(8)]

X = mixture(0, 300, 4)
Y = numbers(0, 300)
CODES = (Y > 0).astype(int)
NEW = mixture(1, 200, 4)


@pytest.mark.parametrize("names", GROUPS, ids=lambda names: names[0] if len(names) == 1 else f"{names[0]} and others")
@pytest.mark.timeout(1800)
def test_any_edit_is_answered_or_refused(names):
    """The edits of a day are spread over all that there are: each 17th, from where the name says on."""
    step = 1 if NIGHTLY else 17
    found = forked(mutations.all_edits, names, 0 if NIGHTLY else 5, EDITS, step, timeout=1700)
    for name in names:
        ways, wrong = found[name]
        assert ways > 100, name
        assert wrong == [], name


@pytest.mark.fallback
class TestNeighbors:
    """What is built from the fitted rows and targets belongs to these, not to what stood there before."""

    @pytest.mark.filterwarnings("ignore:Parameter p is found")
    @pytest.mark.parametrize("algorithm", ["brute", "auto"])
    @pytest.mark.parametrize("wrong", [2**63 - 1, -1, 2])
    @pytest.mark.parametrize("make", [KNeighborsClassifier, lambda **p: RadiusNeighborsClassifier(radius=9.0, **p)])
    def test_codes_out_of_range_are_refused(self, make, wrong, algorithm):
        for params in ({}, {"metric_params": {"p": 2}}, {"weights": "distance"}):
            est = make(algorithm=algorithm, **params).fit(X.copy(), CODES)
            est.predict(NEW)
            est._y[:] = wrong  # scikit-learn's compiled votes would write where that points
            for new in (NEW, NEW[:1]):
                for method in (est.predict, est.predict_proba):
                    with pytest.raises(ValueError, match=r"corrupt state: |a class code is out of range"):
                        method(new)

    @pytest.mark.parametrize("few", [False, True])
    def test_rows_of_another_shape(self, few):
        est, new = NearestNeighbors().fit(X.copy()), NEW[:1] if few else NEW
        est.kneighbors(new)
        est._fit_X.shape = (600, 2)
        error = outcome(est.kneighbors, new).error
        assert type(error) is ValueError and "features" in str(error)

    def test_rows_of_another_type(self):
        """They are read as what they are now: whatever comes out is not what the rows before it gave."""
        est = NearestNeighbors(algorithm="brute").fit(X.copy())
        before = est.kneighbors(NEW)[0]
        est._fit_X.dtype = np.int64
        est._fit_X.flags.writeable = False
        assert not np.array_equal(est.kneighbors(NEW)[0], before)
        expected = NearestNeighbors(algorithm="brute").fit(est._fit_X).kneighbors(NEW)
        assert bits(est.kneighbors(NEW)) == bits(expected)

    def test_other_rows(self):
        est, other = KNeighborsClassifier().fit(X.copy(), CODES), KNeighborsClassifier().fit(X[::-1].copy(), CODES)
        for new in (NEW, NEW[:1]):
            est.predict(new)
        est._fit_X = other._fit_X
        for new in (NEW, NEW[:1]):
            assert bits(est.predict_proba(new)) == bits(other.predict_proba(new))
            assert bits(est.predict(new)) == bits(other.predict(new))

    def test_another_metric(self):
        est = KNeighborsClassifier().fit(X.copy(), CODES)
        est.predict(NEW), est.predict(NEW[:1])
        est.effective_metric_ = "chebyshev"
        other = KNeighborsClassifier(metric="chebyshev").fit(X.copy(), CODES)
        assert bits(est.kneighbors(NEW)) == bits(other.kneighbors(NEW))

    @pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int16])
    @pytest.mark.parametrize("edit", ["written", "replaced"])
    def test_other_targets(self, dtype, edit):
        targets = (100 * Y).astype(dtype)
        est = KNeighborsRegressor().fit(X.copy(), targets.copy())
        est.predict(NEW)
        if edit == "written":
            est._y[...] = targets[::-1]
        else:
            est._y = targets[::-1].copy()
        assert bits(est.predict(NEW)) == bits(KNeighborsRegressor().fit(X.copy(), targets[::-1].copy()).predict(NEW))

    def test_other_classes(self):
        est = KNeighborsClassifier().fit(X.copy(), CODES)
        for new in (NEW, NEW[:1]):
            est.predict(new)
        est.classes_ = np.array(["low", "high"])
        est._y = 1 - est._y
        expected = KNeighborsClassifier().fit(X.copy(), np.where(CODES, "alow", "high"))
        for new in (NEW, NEW[:1]):
            assert est.predict(new).tolist() == [name.removeprefix("a") for name in expected.predict(new)]


@pytest.mark.fallback
class TestForests:
    @pytest.mark.parametrize("is_used", [False, True])
    @pytest.mark.parametrize("new", [NEW, NEW[:1]], ids=["many", "few"])
    def test_no_trees(self, new, is_used):
        est = RandomForestRegressor(3, random_state=0).fit(X.copy(), Y)
        if is_used:
            est.predict(new)
        est.estimators_ = []
        with pytest.raises(ValueError, match="corrupt state: estimators_ must hold a tree"):
            est.predict(new)

    def test_fewer_trees_of_an_isolation_forest(self):
        """As scikit-learn's, which divides by the trees that there are."""
        mine = IsolationForest(n_estimators=10, random_state=0).fit(X.copy())
        plain = mlfast.to_sklearn(mine)
        mine.score_samples(NEW)
        for est in (mine, plain):
            est.estimators_ = est.estimators_[:4]
        np.testing.assert_allclose(mine.score_samples(NEW), plain.score_samples(NEW), rtol=1e-13)
        again = mlfast.from_sklearn(plain)
        assert bits(again.score_samples(NEW)) == bits(mine.score_samples(NEW))

    def test_other_path_lengths_of_an_isolation_forest(self):
        mine = IsolationForest(n_estimators=4, random_state=0).fit(X.copy())
        before = mine.score_samples(NEW)
        mine._decision_path_lengths = tuple(2 * lengths for lengths in mine._decision_path_lengths)
        assert (mine.score_samples(NEW) > before).all()

    def test_what_only_looks_like_a_tree_is_read_anew(self):
        est = RandomForestRegressor(3, random_state=0).fit(X.copy(), Y)
        expected = est.predict(NEW)
        duck = est.estimators_[0].tree_ = mutations.Duck(est.estimators_[0].tree_)
        assert bits(est.predict(NEW)) == bits(expected)
        duck.state["nodes"].dtype = np.uint8
        with pytest.raises(TypeError, match="nodes"):
            est.predict(NEW)

    def test_refitted_while_others_predict(self):
        """Threads see one ensemble, or the other, or an exception that says that there is none."""
        est = AdaBoostRegressor(n_estimators=4, random_state=0).fit(X.copy(), Y)
        wrong, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                error = outcome(est.predict, NEW).error
                if isinstance(error, mlfast.InternalError) or not isinstance(error, (Exception, type(None))):
                    wrong.append(error)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for thread in threads:
                thread.start()
            for seed in range(15):
                est.set_params(random_state=seed).fit(X.copy(), Y)
            stop.set()
            for thread in threads:
                thread.join()
        assert wrong == []

    @pytest.mark.parametrize("method", ["predict", "apply", "decision_path"])
    def test_corrupt_nodes_are_not_handed_to_scikit_learn(self, method):
        """It takes sparse rows with NaN, which Rust leaves to it, down wherever the nodes say."""
        est = DecisionTreeRegressor(random_state=0).fit(X.copy(), Y)
        rows = sp.csr_matrix(NEW.astype(np.float32))
        rows.data[0] = np.nan
        est.tree_.__getstate__()["nodes"]["left_child"][0] = 2**40
        with pytest.raises(ValueError, match="corrupt state"):
            getattr(est, method)(rows, check_input=False)
