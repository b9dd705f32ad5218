"""mlfast.onnx: what skl2onnx makes of mlfast's estimators is what it makes of scikit-learn's, and computes the same."""

import importlib
import subprocess
import sys
import warnings

import numpy as np
import pytest
import skl2onnx._supported_operators
import sklearn.cluster
import sklearn.ensemble
import sklearn.impute
import sklearn.linear_model
import sklearn.naive_bayes
import sklearn.neighbors
import sklearn.neural_network
import sklearn.svm
import sklearn.tree
from onnxruntime import InferenceSession, SessionOptions
from skl2onnx import to_onnx
from skl2onnx.common.exceptions import MissingShapeCalculator
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlfast
import mlfast.accel
import mlfast.cluster
import mlfast.ensemble
import mlfast.impute
import mlfast.linear_model
import mlfast.naive_bayes
import mlfast.neighbors
import mlfast.neural_network
import mlfast.onnx
import mlfast.svm
import mlfast.tree
from mlfast.accel._registry import OWN, REGISTRY

#: The options for decision values in place of probabilities.
DECIDES = {"zipmap": False, "raw_scores": True}

FEW = {"n_estimators": 5, "random_state": 0}
CHOSEN = {"Cs": 3, "l1_ratios": (0,), "scoring": "neg_log_loss", "use_legacy_attributes": False}
NETWORK = {"hidden_layer_sizes": (5,), "max_iter": 300, "tol": 1.0, "random_state": 0}

#: Of every module of scikit-learn with drop-ins: what skl2onnx converts, with parameters, options of the conversion,
#: and the methods that its outputs answer, in their order.
CONVERTED = [
    ("cluster", "KMeans", {"n_clusters": 3, "n_init": 1, "random_state": 0}, {}, ["predict", "transform"]),
    ("cluster", "MiniBatchKMeans", {"n_clusters": 3, "n_init": 1, "random_state": 0}, {}, ["predict", "transform"]),
    *(
        ("ensemble", f"{kind}Classifier", FEW, {"zipmap": False}, ["predict", "predict_proba"])
        for kind in ("AdaBoost", "Bagging", "ExtraTrees", "GradientBoosting", "RandomForest")
    ),
    *(
        ("ensemble", f"{kind}Regressor", FEW, {}, ["predict"])
        for kind in ("AdaBoost", "Bagging", "ExtraTrees", "GradientBoosting", "RandomForest")
    ),
    ("impute", "KNNImputer", {"n_neighbors": 3}, {}, ["transform"]),
    ("linear_model", "ElasticNet", {}, {}, ["predict"]),
    ("linear_model", "ElasticNetCV", {}, {}, ["predict"]),
    ("linear_model", "HuberRegressor", {}, {}, ["predict"]),
    ("linear_model", "Lasso", {}, {}, ["predict"]),
    ("linear_model", "LassoCV", {}, {}, ["predict"]),
    ("linear_model", "LinearRegression", {}, {}, ["predict"]),
    ("linear_model", "GammaRegressor", {}, {}, ["predict"]),
    ("linear_model", "LogisticRegression", {}, {"zipmap": False}, ["predict", "predict_proba"]),
    ("linear_model", "LogisticRegressionCV", CHOSEN, {"zipmap": False}, ["predict", "predict_proba"]),
    ("linear_model", "MultiTaskElasticNet", {"alpha": 0.1}, {}, ["predict"]),
    ("linear_model", "MultiTaskElasticNetCV", {"alphas": [0.1]}, {}, ["predict"]),
    ("linear_model", "MultiTaskLasso", {"alpha": 0.1}, {}, ["predict"]),
    ("linear_model", "MultiTaskLassoCV", {"alphas": [0.1]}, {}, ["predict"]),
    ("linear_model", "PassiveAggressiveClassifier", {"random_state": 0}, DECIDES, ["predict", "decision_function"]),
    ("linear_model", "PassiveAggressiveRegressor", {"random_state": 0}, {}, ["predict"]),
    ("linear_model", "Perceptron", {"random_state": 0}, DECIDES, ["predict", "decision_function"]),
    ("linear_model", "PoissonRegressor", {}, {}, ["predict"]),
    ("linear_model", "Ridge", {}, {}, ["predict"]),
    ("linear_model", "RidgeCV", {}, {}, ["predict"]),
    ("linear_model", "RidgeClassifier", {}, DECIDES, ["predict", "decision_function"]),
    ("linear_model", "RidgeClassifierCV", {}, DECIDES, ["predict", "decision_function"]),
    (
        "linear_model",
        "SGDClassifier",
        {"loss": "log_loss", "random_state": 0},
        {"zipmap": False},
        ["predict", "predict_proba"],
    ),
    ("linear_model", "SGDOneClassSVM", {"random_state": 0}, {}, ["predict", "decision_function"]),
    ("linear_model", "SGDRegressor", {"random_state": 0}, {}, ["predict"]),
    ("linear_model", "TweedieRegressor", {"power": 1.5}, {}, ["predict"]),
    ("neural_network", "MLPClassifier", NETWORK, {"zipmap": False}, ["predict", "predict_proba"]),
    ("neural_network", "MLPRegressor", NETWORK, {}, ["predict"]),
    ("neighbors", "KNeighborsClassifier", {}, {"zipmap": False, "optim": "cdist"}, ["predict", "predict_proba"]),
    (
        "neighbors",
        "KNeighborsClassifier",
        {"metric": "manhattan", "n_neighbors": 3},
        {"zipmap": False},
        ["predict", "predict_proba"],
    ),
    ("neighbors", "KNeighborsRegressor", {"n_neighbors": 4}, {}, ["predict"]),
    ("neighbors", "KNeighborsTransformer", {"mode": "connectivity"}, {}, ["transform"]),
    ("neighbors", "LocalOutlierFactor", {"novelty": True}, {}, ["predict", "decision_function"]),
    (
        "neighbors",
        "LocalOutlierFactor",
        {"novelty": True, "n_neighbors": 7},
        {"score_samples": True},
        ["predict", "decision_function", "score_samples"],
    ),
    ("neighbors", "NearestNeighbors", {"n_neighbors": 3, "radius": None}, {}, ["kneighbors"]),
    # Within this radius lies every row: for another number of neighbours per row skl2onnx's graphs have no room.
    ("neighbors", "RadiusNeighborsClassifier", {"radius": 100.0}, {"zipmap": False}, ["predict", "predict_proba"]),
    ("neighbors", "RadiusNeighborsRegressor", {"radius": 100.0}, {}, ["predict"]),
    ("svm", "LinearSVC", {"random_state": 0}, {"raw_scores": True}, ["predict", "decision_function"]),
    ("svm", "LinearSVR", {"C": 0.1, "max_iter": 100_000, "random_state": 0}, {}, ["predict"]),
    ("tree", "DecisionTreeClassifier", {"random_state": 0}, {"zipmap": False}, ["predict", "predict_proba"]),
    ("tree", "DecisionTreeRegressor", {"random_state": 0}, {}, ["predict"]),
    ("tree", "ExtraTreeClassifier", {"random_state": 0}, {"zipmap": False}, ["predict", "predict_proba"]),
    ("tree", "ExtraTreeRegressor", {"random_state": 0}, {}, ["predict"]),
]

ROOMS = [
    importlib.import_module(module.replace("sklearn", "mlfast", 1)) for module in REGISTRY if "metrics" not in module
]

#: What skl2onnx converts for no one, and the error that it raises.
REFUSED = [
    ("cluster", "BisectingKMeans", {"random_state": 0}, MissingShapeCalculator),
    ("ensemble", "HistGradientBoostingClassifier", {"max_iter": 5}, ValueError),
    ("ensemble", "HistGradientBoostingRegressor", {"max_iter": 5}, ValueError),
    ("ensemble", "IsolationForest", FEW, RuntimeError),
    ("ensemble", "RandomTreesEmbedding", FEW, RuntimeError),
    ("neighbors", "NearestCentroid", {}, MissingShapeCalculator),
    ("neighbors", "RadiusNeighborsTransformer", {}, MissingShapeCalculator),
    ("neighbors", "LocalOutlierFactor", {}, RuntimeError),
    ("neighbors", "NearestNeighbors", {}, RuntimeError),
    ("impute", "KNNImputer", {"weights": "distance"}, NotImplementedError),
]


def plain():
    """Classifiers and regressors that need no word here: their graphs answer as those of all others do."""
    listed = {name for _, name, *_ in [*CONVERTED, *REFUSED]}
    for room in ROOMS:
        for name in sorted(set(room.__all__) - set(OWN.get(room.__name__, ())) - listed):
            thing = getattr(room, name)
            if isinstance(thing, type) and issubclass(thing, ClassifierMixin):
                yield room.__name__.split(".")[1], name, {}, {"zipmap": False}, ["predict", "predict_proba"]
            elif isinstance(thing, type) and issubclass(thing, RegressorMixin):
                yield room.__name__.split(".")[1], name, {}, {}, ["predict"]


CONVERTED += plain()


def ids(cases):
    return [f"{name}-{position}" for position, (_, name, *_) in enumerate(cases)]


@pytest.fixture(scope="module")
def rows():
    """Float32 of shape (60, 4) and a class per row."""
    random = np.random.RandomState(0)
    X = random.randn(60, 4).astype(np.float32)
    return X, (X[:, 0] > 0).astype(np.int64)


def fitted(package, module, name, params, rows):
    """Return an estimator and other rows to ask it about."""
    X, y = rows
    if name.endswith("Regressor"):
        y = X[:, 1] - 0.5
    if name in ("GammaRegressor", "PoissonRegressor", "TweedieRegressor"):
        y = np.exp(X[:, 1])
    if name.startswith("MultiTask"):
        y = X[:, :2] - 0.5
    if module == "impute":
        X = np.where(np.arange(X.size).reshape(X.shape) % 7 == 0, np.nan, X).astype(np.float32)
    return getattr(getattr(package, module), name)(**params).fit(X, y), X + X.dtype.type(0.25)


def converted(estimator, X, options=None):
    return to_onnx(estimator, X[:1], options=options and {id(estimator): options})


def run(graph, X):
    """Return the names and the values of the outputs."""
    settings = SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = InferenceSession(graph.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return [output.name for output in session.get_outputs()], session.run(None, {given.name: X})


def answers(estimator, X, methods):
    """Return the methods' results in the order and the shape of the outputs."""
    if methods == ["kneighbors"]:
        distances, indices = estimator.kneighbors(X)
        return [indices, distances]
    results = [getattr(estimator, method)(X) for method in methods]
    if is_classifier(estimator) and methods[-1] == "decision_function":
        results[-1] = np.column_stack([-results[-1], results[-1]])  # the graph has a column for each of two classes
    return [result.toarray() if hasattr(result, "toarray") else result for result in results]


@pytest.mark.parametrize(("module", "name", "params", "options", "methods"), CONVERTED, ids=ids(CONVERTED))
def test_graphs_answer_as_the_estimator_and_as_the_graphs_of_its_namesake(module, name, params, options, methods, rows):
    ours, X = fitted(mlfast, module, name, params, rows)
    stock, _ = fitted(sklearn, module, name, params, rows)
    names, values = run(converted(ours, X, options), X)
    assert len(values) == len(methods) + (methods == ["kneighbors"])
    for value, expected in zip(values, answers(ours, X, methods), strict=True):
        np.testing.assert_allclose(value.reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)

    same_names, same_values = run(converted(mlfast.to_sklearn(ours), X, options), X)
    stock_names, stock_values = run(converted(stock, X, options), X)
    assert names == same_names == stock_names
    for value, same, other in zip(values, same_values, stock_values, strict=True):
        assert value.dtype == same.dtype == other.dtype
        np.testing.assert_array_equal(value, same)
        np.testing.assert_allclose(value, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("module", "name", "params", "error"), REFUSED, ids=ids(REFUSED))
def test_what_is_not_converted_fails_as_the_namesake_does(module, name, params, error, rows):
    messages = []
    for package in (sklearn, mlfast):
        estimator, X = fitted(package, module, name, params, rows)
        with pytest.raises(error) as caught:
            converted(estimator, X)
        messages.append(str(caught.value).replace(f"{type(estimator).__module__}.", ""))
    assert messages[0] == messages[1]


def test_every_estimator_is_converted_or_refused_here():
    covered = {(module, name) for module, name, *_ in [*CONVERTED, *REFUSED]}
    estimators = {
        (room.__name__.split(".")[1], name)
        for room in ROOMS
        for name in set(room.__all__) - set(OWN.get(room.__name__, ()))  # skl2onnx cannot know what scikit-learn lacks
        if isinstance(getattr(room, name), type) and issubclass(getattr(room, name), BaseEstimator)
    }
    assert covered == estimators


def test_double_precision(rows):
    ours, X = fitted(mlfast, "cluster", "KMeans", {"n_clusters": 3, "random_state": 0}, (rows[0].astype(float), None))
    _, (labels, distances) = run(converted(ours, X), X)
    assert distances.dtype == np.float64
    np.testing.assert_array_equal(labels, ours.predict(X))
    np.testing.assert_allclose(distances, ours.transform(X), rtol=1e-12)


def test_inside_other_estimators(rows):
    X, y = rows
    classifier = mlfast.neighbors.KNeighborsClassifier(n_neighbors=3)
    search = GridSearchCV(classifier, {"n_neighbors": [1, 3]}, cv=2)
    for model in (
        make_pipeline(StandardScaler(), classifier),
        BaggingClassifier(classifier, n_estimators=2, random_state=0),
        make_pipeline(StandardScaler(), search),
    ):
        model.fit(X, y)
        _, (labels, chances) = run(to_onnx(model, X[:1], options={id(model): {"zipmap": False}}), X)
        np.testing.assert_array_equal(labels, model.predict(X))
        np.testing.assert_allclose(chances, model.predict_proba(X), atol=1e-5)


def test_options_by_class_and_wrong_options(rows):
    X, y = rows
    model = mlfast.neighbors.KNeighborsClassifier().fit(X, y)
    graph = to_onnx(model, X[:1], options={type(model): {"zipmap": "columns"}})
    assert run(graph, X)[0] == ["output_label", "i0", "i1"]
    with pytest.raises(NameError, match="Option 'nonsense' not in"):
        converted(model, X, {"nonsense": True})


def test_registering_again_changes_nothing(rows):
    mlfast.onnx.register()
    ours, X = fitted(mlfast, "cluster", "KMeans", {"n_clusters": 2, "random_state": 0}, rows)
    np.testing.assert_array_equal(run(converted(ours, X), X)[1][0], ours.predict(X))


def test_an_installed_mlfast_needs_no_registration(monkeypatch):
    names = skl2onnx._supported_operators.sklearn_operator_name_map
    monkeypatch.delitem(names, mlfast.cluster.KMeans)
    monkeypatch.setattr(mlfast, "onnx", mlfast.onnx)  # what an import sets anew: put back with the line below
    monkeypatch.delitem(sys.modules, "mlfast.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other tests may have left something behind to warn of
        installation = mlfast.accel.install("KMeans")
    with installation:
        assert not [place for place in mlfast.accel.stale() if "skl2onnx" in place]
        assert names[mlfast.cluster.KMeans] == names[sklearn.cluster.KMeans]
    code = (
        "import numpy as np\n"
        "from sklearn.cluster import KMeans\n"
        "import skl2onnx\n"
        "X = np.arange(9, dtype=np.float32).reshape(-1, 1)\n"
        "model = KMeans(2).fit(X)\n"
        "print(type(model).__module__, len(skl2onnx.to_onnx(model, X).graph.output))\n"
    )
    ran = subprocess.run([sys.executable, "-m", "mlfast", "-c", code], capture_output=True, text=True, timeout=100)
    assert ran.stdout.split() == ["mlfast.cluster._kmeans", "2"], ran.stderr


def test_without_skl2onnx():
    code = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "PathFinder.find_spec = lambda name, *args: None if name == 'skl2onnx' else find(name, *args)\n"
        "import mlfast.onnx\n"
        "try:\n"
        "    mlfast.onnx.register()\n"
        "except ImportError as error:\n"
        "    sys.exit('pip install skl2onnx' not in str(error))\n"
        "sys.exit(2)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=100).returncode == 0
