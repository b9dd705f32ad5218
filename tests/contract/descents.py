"""The estimators that scikit-learn has no namesake of: there is no parent to compare them with.

What the contract asks of every estimator, `tests/linear_model/test_descent.py` asks of these: scikit-learn's checks,
the same bits for any number of threads and in any layout, interrupts, pickles, bad input.
"""

import mlfast.linear_model

WITHOUT_PARENT = (
    mlfast.linear_model.GradientDescentClassifier,
    mlfast.linear_model.GradientDescentRegressor,
)
