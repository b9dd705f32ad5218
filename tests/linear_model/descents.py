"""What it means that two descents went the same way."""

import warnings

import numpy as np


def both(fit, ours, theirs):
    """The models, and what they warned of, that `fit` makes of each class."""
    made = []
    for make in (ours, theirs):
        np.random.seed(0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = fit(make)
        made.append((model, [(w.category, str(w.message)) for w in caught]))
    (model, said), (parent, parent_said) = made
    assert said == parent_said
    return model, parent


def assert_same_descent(ours, theirs, rtol=1e-9):
    """
    The attributes are those of scikit-learn, in type, shape and value.

    Up to a million values each step sums as scikit-learn's does, so hardly a bit is another; the averages are put
    together by BLAS there.
    """
    assert vars(ours).keys() == vars(theirs).keys()
    compared = 0
    for name, expected in vars(theirs).items():
        value = getattr(ours, name)
        if isinstance(expected, np.ndarray) and expected.dtype.kind == "f":
            assert (value.dtype, value.shape) == (expected.dtype, expected.shape), name
            scale = max(float(np.abs(expected).max()), 1e-30)
            tolerance = rtol if expected.dtype == np.float64 else max(rtol, 1e-6)
            np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance * scale, err_msg=name)
            compared += 1
        elif isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(value, expected)
        elif name in ("n_iter_", "t_"):
            assert (type(value), value) == (type(expected), expected), name
            compared += 1
    assert compared >= 4
