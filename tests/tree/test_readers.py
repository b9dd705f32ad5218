"""What reads trees reads these: scikit-learn's own tools, and those of others."""

import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import sklearn.tree as parent
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import PartialDependenceDisplay, partial_dependence, permutation_importance

import mlfast.tree as ours

from ..compare import bits
from .parity import classes, cloud

matplotlib.use("Agg")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
X = cloud(0, 200, 4)
Y = classes(X)
SETTINGS = {"random_state": 0, "max_depth": 4}


def pair(name="DecisionTreeClassifier", target=Y):
    return tuple(getattr(module, name)(**SETTINGS).fit(X, target) for module in (ours, parent))


@pytest.mark.parametrize("name", ["DecisionTreeClassifier", "DecisionTreeRegressor"])
def test_export_text(name):
    mine, theirs = (parent.export_text(est, show_weights=True) for est in pair(name))
    assert mine == theirs
    assert mine.count("feature_") > 6


def test_export_graphviz():
    mine, theirs = (parent.export_graphviz(est, filled=True) for est in pair())
    assert mine == theirs


def test_plot_tree():
    import matplotlib.pyplot as plt

    drawn = []
    for est in pair():
        drawn.append([box.get_text() for box in parent.plot_tree(est, filled=True)])
        plt.close("all")
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("name", ["DecisionTreeClassifier", "DecisionTreeRegressor"])
def test_shap(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numba and others, at import
        import shap
    mine, theirs = (shap.TreeExplainer(est).shap_values(X[:10]) for est in pair(name))
    np.testing.assert_array_equal(mine, theirs)
    assert np.abs(mine).max() > 0.01


def test_treelite():
    """It reads forests only, so a forest of one tree is given ours."""
    treelite = pytest.importorskip("treelite")
    forest = RandomForestClassifier(n_estimators=1, bootstrap=False, max_features=None, **SETTINGS).fit(X, Y)
    forest.estimators_ = [ours.DecisionTreeClassifier(**SETTINGS).fit(X, Y)]
    found = treelite.gtil.predict(treelite.sklearn.import_model(forest), X.astype(np.float32))
    np.testing.assert_allclose(found.reshape(len(X), -1), forest.estimators_[0].predict_proba(X), rtol=1e-6)


def test_permutation_importance():
    mine, theirs = (permutation_importance(est, X, Y, n_repeats=3, random_state=0) for est in pair())
    assert bits(mine) == bits(theirs)
    assert mine.importances_mean.max() > 0.1


@pytest.mark.parametrize("method", ["brute", "recursion"])
def test_partial_dependence(method):
    if method == "recursion":
        found = [partial_dependence(est, X, [0], method=method).average for est in pair("DecisionTreeRegressor")]
    else:
        found = [partial_dependence(est, X, [0, 1], method=method, grid_resolution=5).average for est in pair()]
    np.testing.assert_array_equal(*found)


def test_partial_dependence_display():
    import matplotlib.pyplot as plt

    display = PartialDependenceDisplay.from_estimator(pair()[0], X, [0], target=1, grid_resolution=5)
    assert len(display.lines_.ravel()) == 1
    plt.close("all")


def test_importances_and_depths():
    mine, theirs = pair()
    for est in (mine, theirs):
        assert est.feature_importances_.sum() == pytest.approx(1)
    assert bits(mine.feature_importances_) == bits(theirs.feature_importances_)
    assert bits(mine.tree_.compute_node_depths()) == bits(theirs.tree_.compute_node_depths())


def test_a_decision_in_words(monkeypatch):
    """What the example reads out of a tree is true of the sample, and leads to its leaf."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import tree_in_words

    est = pair()[0]
    for row in X[:20]:
        steps = [step.split(" ") for step in tree_in_words.reasons(est, row, "abcd")]
        node = 0
        for name, _, value, sign, threshold in steps:
            assert est.tree_.feature[node] == "abcd".index(name)
            assert float(value) == pytest.approx(row["abcd".index(name)])
            assert (float(value) <= float(threshold)) == (sign == "<=")
            children = est.tree_.children_left if sign == "<=" else est.tree_.children_right
            node = children[node]
        assert node == est.apply(row[None])[0]
