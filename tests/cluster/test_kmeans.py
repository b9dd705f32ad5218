"""KMeans and k_means against their parents on real data."""

import numpy as np
import pytest
import sklearn.cluster as parent
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from mlfast.cluster import KMeans, k_means

from ..compare import assert_same_complaint, bits, outcome
from ..contract.clusterers import first_rows, random_rows
from ..contract.entry import mixture
from .parity import SEEDS, SEEDS_FLOAT32, as_kind, assert_parity, assert_same_output, same_generator_state


def parity(X, sample_weight=None, new=None, **params):
    return assert_parity(KMeans(**params), parent.KMeans(**params), X, sample_weight, new=new)


ROWS = {"digits": 10, "iris": 3, "photo": 16, "california": 8}  # data set -> clusters


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ROWS)
def test_default_settings(real, name, seed):
    parity(real(name), n_clusters=ROWS[name], random_state=seed)


@pytest.mark.parametrize("seed", SEEDS_FLOAT32)
@pytest.mark.parametrize("name", ROWS)
def test_float32(real, name, seed):
    parity(real(name, np.float32), n_clusters=ROWS[name], random_state=seed)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_mnist(mnist, dtype):
    parity(mnist.astype(dtype), n_clusters=10, random_state=0, max_iter=20)


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("init", ["k-means++", "random", first_rows, random_rows])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("name", ["digits", "iris", "photo"])
def test_init_and_algorithm(real, name, kind, init, algorithm):
    X = as_kind(real(name), kind)
    parity(X, n_clusters=ROWS[name], init=init, n_init=2, algorithm=algorithm, random_state=1, max_iter=50)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("name", ["digits", "photo", "california"])
def test_weights(real, name, kind, algorithm, dtype):
    X = as_kind(real(name, dtype), kind)
    weights = np.random.RandomState(0).gamma(1.0, size=X.shape[0])
    weights[::7] = 0
    parity(X, weights, n_clusters=ROWS[name], algorithm=algorithm, random_state=0, max_iter=40)


@pytest.mark.parametrize("n_init", ["auto", 1, 5])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_restarts(iris, init, n_init):
    """The best of several runs, by the parent's rule; on iris several runs end in the same clustering."""
    for seed in range(5):
        parity(iris, n_clusters=3, init=init, n_init=n_init, random_state=seed)


@pytest.mark.parametrize("k", [1, 2, 50, 149, 150])
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_number_of_clusters(photo, k, algorithm):
    """From one cluster to one per row; elkan with one cluster warns as the parent does."""
    X = np.unique(photo, axis=0)[::20][:150] + mixture(0, 150, 3) * 1e-3  # distinct, without ties
    parity(X, n_clusters=k, algorithm=algorithm, random_state=0)


@pytest.mark.parametrize(("tol", "max_iter"), [(0.0, 300), (1e-2, 300), (1.0, 300), (1e-4, 1), (1e-4, 2), (1e-4, 7)])
def test_stopping(digits, tol, max_iter):
    for seed in range(3):
        parity(digits, n_clusters=10, tol=tol, max_iter=max_iter, random_state=seed)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_new_data(digits, kind):
    """predict, transform and score on rows that were not fitted."""
    X = as_kind(digits, kind)
    parity(X[:1000], new=X[1000:], n_clusters=10, random_state=0)


def test_methods_that_fit_and_apply(digits):
    params = {"n_clusters": 10, "random_state": 3}
    ours, _ = parity(digits, **params)
    model = KMeans(**params)
    assert bits(model.fit_predict(digits)) == bits(ours.labels_)
    assert bits(model.fit_transform(digits)) == bits(ours.transform(digits))
    assert bits(model.score(digits)) == bits(ours.score(digits))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_centers_are_at_distance_zero_from_themselves(digits, dtype):
    model = KMeans(10, random_state=0).fit(digits.astype(dtype) / 7)
    distances = model.transform(model.cluster_centers_)
    assert not distances.diagonal().any()
    np.testing.assert_allclose(distances, model.transform(model.cluster_centers_.copy()), atol=2e-6)


class TestGivenCentres:
    @pytest.mark.parametrize("kind", ["dense", "csr"])
    @pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
    @pytest.mark.parametrize("name", ["digits", "photo", "california"])
    def test_array(self, real, name, algorithm, kind):
        X = as_kind(real(name), kind)
        init = first_rows(X, ROWS[name])
        before = bits(init)
        parity(X, n_clusters=ROWS[name], init=init, n_init=1, algorithm=algorithm, max_iter=40)
        assert bits(init) == before, "the given centres changed"

    def test_other_dtype_and_container(self, digits):
        for init in (digits[:10].astype(np.float32), digits[:10].tolist(), np.asfortranarray(digits[:10])):
            parity(digits, n_clusters=10, init=init, n_init=1, max_iter=20)

    def test_n_init_warns(self, iris):
        """RuntimeWarning: only one init is performed."""
        params = {"n_clusters": 3, "init": iris[:3], "n_init": 5}
        ours, theirs = (outcome(cls(**params).fit, iris) for cls in (KMeans, parent.KMeans))
        assert [w for w, _ in theirs.warned] == ["RuntimeWarning"]
        assert_same_complaint(ours, theirs)

    @pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
    @pytest.mark.parametrize("kind", ["dense", "csr"])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_empty_clusters_are_relocated(self, kind, algorithm, weighted):
        """Centres far away from all rows win none; the farthest rows take their place."""
        X = as_kind(mixture(0, 400, 3), kind)
        weights = np.random.RandomState(1).uniform(0.5, 2, size=400) if weighted else None
        for far in (1, 2, 3):
            init = first_rows(X, 5)
            init[5 - far :] = 1e3 + np.arange(far)[:, None]
            parity(X, weights, n_clusters=5, init=init, n_init=1, algorithm=algorithm)

    @pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
    def test_equal_centres(self, algorithm):
        """Equal centres: the first wins all rows, the others are empty."""
        X = mixture(0, 300, 2)
        parity(X, n_clusters=4, init=np.zeros((4, 2)), n_init=1, algorithm=algorithm)


class TestWarnings:
    def test_fewer_distinct_rows_than_clusters(self):
        X = np.repeat(mixture(0, 3, 2), 10, axis=0)
        ours, theirs = (outcome(cls(5, random_state=0).fit, X) for cls in (KMeans, parent.KMeans))
        assert [w for w, _ in theirs.warned] == ["ConvergenceWarning"]
        assert_same_complaint(ours, theirs)

    def test_warning_points_at_the_caller(self):
        X = np.repeat(mixture(0, 3, 2), 10, axis=0)
        with pytest.warns(ConvergenceWarning) as caught:
            parent.KMeans(5, random_state=0).fit(X)
        theirs = caught[0].filename
        with pytest.warns(ConvergenceWarning) as caught:
            KMeans(5, random_state=0).fit(X)
        assert "mlfast" in caught[0].filename or caught[0].filename in (theirs, __file__)

    def test_elkan_with_one_cluster(self, iris):
        ours, theirs = (outcome(cls(1, algorithm="elkan").fit, iris) for cls in (KMeans, parent.KMeans))
        assert theirs.warned
        assert_same_complaint(ours, theirs)


class TestRandomState:
    @pytest.mark.parametrize("init", ["k-means++", "random", random_rows])
    @pytest.mark.parametrize("n_init", [1, 3])
    def test_instance_ends_in_the_same_state(self, iris, init, n_init):
        mine, theirs = np.random.RandomState(7), np.random.RandomState(7)
        for _ in range(2):  # the second fit goes on where the first stopped
            assert_parity(
                KMeans(3, init=init, n_init=n_init, random_state=mine),
                parent.KMeans(3, init=init, n_init=n_init, random_state=theirs),
                iris,
            )
            assert same_generator_state(mine, theirs)
        assert mine.normal() == theirs.normal()

    def test_half_used_generator(self, iris):
        """A generator in the middle of its block, with a spare Gaussian kept."""
        mine, theirs = np.random.RandomState(7), np.random.RandomState(7)
        for generator in (mine, theirs):
            generator.uniform(size=333)
            generator.normal()
        assert_parity(KMeans(3, random_state=mine), parent.KMeans(3, random_state=theirs), iris)
        assert same_generator_state(mine, theirs)

    def test_global_generator(self, iris):
        np.random.seed(5)
        KMeans(3, random_state=None).fit(iris)
        mine = np.random.get_state()[1].copy(), np.random.get_state()[2]
        np.random.seed(5)
        parent.KMeans(3, random_state=None).fit(iris)
        theirs = np.random.get_state()[1], np.random.get_state()[2]
        assert (mine[0] == theirs[0]).all() and mine[1] == theirs[1]

    @pytest.mark.fallback  # the ported generator is MT19937 alone
    def test_other_bit_generator(self, iris):
        mine, theirs = (np.random.RandomState(np.random.PCG64(3)) for _ in range(2))
        assert_parity(KMeans(3, random_state=mine), parent.KMeans(3, random_state=theirs), iris)
        assert mine.uniform() == theirs.uniform()


@pytest.mark.parametrize("verbose", [True, 1, 2])
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_verbose(digits, capsys, algorithm, init, verbose):
    params = {
        "n_clusters": 10,
        "init": init,
        "n_init": 2,
        "algorithm": algorithm,
        "random_state": 0,
        "verbose": verbose,
    }
    for tol in (1e-4, 0.0):
        assert_same_output(
            capsys,
            lambda tol=tol: KMeans(**params, tol=tol).fit(digits),
            lambda tol=tol: parent.KMeans(**params, tol=tol).fit(digits),
        )


class TestFunction:
    @pytest.mark.parametrize("return_n_iter", [False, True])
    @pytest.mark.parametrize("kind", ["dense", "csr"])
    def test_returns(self, digits, kind, return_n_iter):
        X = as_kind(digits, kind)
        params = {"n_clusters": 10, "random_state": 0, "return_n_iter": return_n_iter}
        mine, theirs = k_means(X, **params), parent.k_means(X, **params)
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
            assert type(a) is type(b)
        np.testing.assert_array_equal(mine[1], theirs[1])

    def test_positional(self, iris):
        np.testing.assert_array_equal(k_means(iris, 3, random_state=0)[1], parent.k_means(iris, 3, random_state=0)[1])

    def test_signature(self):
        import inspect

        assert inspect.signature(k_means).parameters.keys() == inspect.signature(parent.k_means).parameters.keys()
        for name, theirs in inspect.signature(parent.k_means).parameters.items():
            mine = inspect.signature(k_means).parameters[name]
            assert (mine.kind, mine.default) == (theirs.kind, theirs.default)


def test_large_enough_for_threads(threads):
    """The default block and thread settings on 60,000 rows, against the parent."""
    threads(2)
    parity(mixture(0, 60_000, 8), n_clusters=12, random_state=0, max_iter=30)


def test_in_a_pipeline_and_a_search(iris):
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    searches = []
    for cls in (KMeans, parent.KMeans):
        pipe = make_pipeline(StandardScaler(), cls(random_state=0))
        step = cls.__name__.lower()
        searches.append(GridSearchCV(pipe, {f"{step}__n_clusters": [2, 3, 4]}, cv=3).fit(iris))
    assert searches[0].best_params_ == searches[1].best_params_
    np.testing.assert_allclose(
        searches[0].cv_results_["mean_test_score"], searches[1].cv_results_["mean_test_score"], rtol=1e-9
    )


def test_pandas_output(iris):
    frames = [
        cls(3, random_state=0).set_output(transform="pandas").fit(iris).transform(iris)
        for cls in (KMeans, parent.KMeans)
    ]
    assert frames[0].columns.tolist() == frames[1].columns.tolist()
    np.testing.assert_allclose(frames[0], frames[1], atol=1e-7)


@pytest.mark.parametrize("step", [0.001, 0.1, 1.0])
def test_ties_on_a_grid_fall_as_on_one_thread_of_the_parent(step):
    """Rows half-way between centres, iteration after iteration: the order of the sums decides where they go."""
    X = np.arange(1000).reshape(-1, 1) * step
    with threadpool_limits(1, user_api="openmp"):
        mine, theirs = (kind(10, init=X[:10], n_init=1).fit(X) for kind in (KMeans, parent.KMeans))
    assert mine.n_iter_ == theirs.n_iter_
    np.testing.assert_array_equal(mine.labels_, theirs.labels_)
    np.testing.assert_array_equal(mine.cluster_centers_, theirs.cluster_centers_)
