"""
What scikit-learn's meta-estimators make of an estimator: a function for each of them, for any entry of the registry.

Nothing here may import pytest: the scenarios that run in other processes use it too.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.base import is_classifier, is_outlier_detector, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from ..contract.registry import ENTRIES

N = 120
ANSWERS = ("predict", "predict_proba", "decision_function", "score_samples", "transform")


def data(entry):
    """X of shape (N, 4) and a target, which an unsupervised estimator is given none of."""
    return entry.data(0, N, 4), entry.target and entry.target(0, N)


def answers(model, X):
    """What a fitted model says about X, by method."""
    return {name: getattr(model, name)(X) for name in ANSWERS if hasattr(model, name)}


def alternatives(entry):
    """A parameter and two values of it."""
    name, values = next(iter(entry.fuzz.items()))
    return name, list(values[-2:])


def searched(search, X, y):
    """What a fitted search reports, without the times."""
    search.fit(X, y)
    scores = {name: search.cv_results_[name] for name in ("split0_test_score", "mean_test_score", "rank_test_score")}
    return {"best": list(search.best_params_.values()), **scores, **answers(search, X)}


def in_steps(est):
    """Standardised: alternatives such as a radius then mean the same for all data."""
    return make_pipeline(StandardScaler(), est)


def final(entry):
    """Where `in_steps` keeps a parameter of the estimator."""
    return entry.parent.__name__.lower() + "__"


def pipeline(entry, est, X, y):
    model = in_steps(est).fit(X, y)
    return {**entry.results(model[-1], model[:-1].transform(X)), **answers(model, X)}


def grid_search(entry, est, X, y):
    name, values = alternatives(entry)
    return searched(GridSearchCV(in_steps(est), {final(entry) + name: values}, cv=3, error_score="raise"), X, y)


def randomized_search(entry, est, X, y):
    name, values = alternatives(entry)
    grid = {final(entry) + name: values}
    return searched(RandomizedSearchCV(in_steps(est), grid, n_iter=1, random_state=1, cv=3, error_score="raise"), X, y)


def cross_validation(entry, est, X, y):
    return {"scores": cross_val_score(in_steps(est), X, y, cv=3, error_score="raise")}


def before_a_classifier(entry, est, X, y):
    """A transformer as a step that a search tunes."""
    name, values = alternatives(entry)
    model = make_pipeline(StandardScaler(), est, RidgeClassifier())
    labels = (np.nan_to_num(X).sum(axis=1) > 0).astype(int)
    return searched(GridSearchCV(model, {final(entry) + name: values}, cv=3, error_score="raise"), X, labels)


def column_transformer(entry, est, X, y):
    """Two columns for the estimator, the others passed through; and the estimator beside another in a union."""
    columns = ColumnTransformer([("ours", est, [0, 1])], remainder="passthrough").fit(X)
    filled = np.nan_to_num(X)
    union = FeatureUnion([("ours", est), ("theirs", PCA(2))]).fit(filled)
    return {"columns": columns.transform(X), "union": union.transform(filled)}


def stacking(entry, est, X, y):
    if is_classifier(est):
        above = LogisticRegression(solver="newton-cholesky", tol=1e-10)  # decision values may be large
        model = StackingClassifier([("ours", est), ("theirs", GaussianNB())], above, cv=3)
    else:
        model = StackingRegressor([("ours", est), ("theirs", Ridge())], Ridge(), cv=3)
    return answers(model.fit(X, y), X)


def voting(entry, est, X, y):
    if is_classifier(est):
        model = VotingClassifier([("ours", est), ("theirs", GaussianNB())], voting="soft")
    else:
        model = VotingRegressor([("ours", est), ("theirs", Ridge())])
    return answers(model.fit(X, y), X)


def calibrated(entry, est, X, y):
    return answers(CalibratedClassifierCV(est, cv=3).fit(X, y), X)


def bagging(entry, est, X, y):
    return answers(BaggingClassifier(est, n_estimators=3, max_samples=0.8, random_state=0).fit(X, y), X)


def self_training(entry, est, X, y):
    labels = np.unique(y, return_inverse=True)[1]
    labels[::3] = -1
    model = SelfTrainingClassifier(est, threshold=0.6).fit(X, labels)
    return {"rounds": model.labeled_iter_, "labels": model.transduction_, **answers(model, X)}


def recursive_elimination(entry, est, X, y):
    y = np.zeros(N) if y is None else y
    model = RFE(est, n_features_to_select=2, importance_getter=importances(entry)).fit(X, y)
    return {"ranking": model.ranking_, **answers(model, X)}


def sequential_selection(entry, est, X, y):
    model = SequentialFeatureSelector(est, n_features_to_select=2, cv=3).fit(X, y)
    return {"support": model.get_support()}


def permuted(entry, est, X, y):
    importance = permutation_importance(est.fit(X, y), X, y, n_repeats=2, random_state=0)
    return {"importances": importance.importances}


def partial_dependence(entry, est, X, y):
    from matplotlib import pyplot as plt

    display = PartialDependenceDisplay.from_estimator(
        est.fit(X, y), X, [1], target=entry.target(0, 1)[0] if is_classifier(est) else None, grid_resolution=8
    )
    plt.close(display.figure_)
    return {"average": display.pd_results[0]["average"]}


def outliers_in_steps(entry, est, X, y):
    """A detector without `predict` labels the rows that it is fitted on."""
    return {"labels": in_steps(est).fit_predict(X)}


@dataclass(frozen=True)
class Case:
    """A meta-estimator and the estimators that it takes."""

    run: Callable  # (entry, unfitted estimator, X, y) -> values by name
    takes: Callable  # (entry, unfitted estimator) -> whether

    @property
    def name(self):
        return self.run.__name__

    def result(self, entry, parent=False, **params):
        """The values by name, with mlfast's estimator inside or with its parent."""
        X, y = data(entry)
        return self.run(entry, entry.make(parent, **params), X, y)


def anything(entry, est):
    return True


def classifier(entry, est):
    return is_classifier(est)


def probabilistic(entry, est):
    return is_classifier(est) and hasattr(est, "predict_proba")


def supervised(entry, est):
    return is_classifier(est) or single(entry, est)


def single(entry, est):
    """A regression of one target."""
    return is_regressor(est) and np.ndim(entry.target(0, 2)) == 1


def scored(entry, est):
    return hasattr(est, "score")


def transformer(entry, est):
    return hasattr(est, "transform")


def importances(entry):
    """The attribute with a value per feature, if there is one."""
    return next((name for name in ("cluster_centers_", "centroids_", "coef_") if name in entry.state), None)


def ranking(entry, est):
    return importances(entry) is not None


def labeller(entry, est):
    return is_outlier_detector(est) and hasattr(est, "fit_predict")


CASES = [
    Case(pipeline, anything),
    Case(grid_search, scored),
    Case(randomized_search, scored),
    Case(cross_validation, scored),
    Case(before_a_classifier, transformer),
    Case(column_transformer, transformer),
    Case(stacking, supervised),
    Case(voting, lambda entry, est: probabilistic(entry, est) or single(entry, est)),
    Case(calibrated, probabilistic),
    Case(bagging, classifier),
    Case(self_training, probabilistic),
    Case(recursive_elimination, ranking),
    Case(sequential_selection, scored),
    Case(permuted, scored),
    Case(partial_dependence, lambda entry, est: probabilistic(entry, est) or single(entry, est)),
    Case(outliers_in_steps, labeller),
]


def distinct():
    """The entries, without those that differ in what is asked of them and not in their settings."""
    return list({(entry.ours, str(entry.params)): entry for entry in reversed(ENTRIES)}.values())[::-1]


PAIRS = {
    f"{case.name}-{entry.name}": (case, entry)
    for case in CASES
    for entry in distinct()
    if case.takes(entry, entry.make())
}
