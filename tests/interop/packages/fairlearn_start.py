"""fairlearn's quick start: metrics by group, and a classifier held to the same rate for all groups."""

import numpy as np
from fairlearn.metrics import MetricFrame, demographic_parity_difference, selection_rate
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import DemographicParity, ExponentiatedGradient
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.tree import DecisionTreeClassifier

draw = np.random.RandomState(0)
X, group = draw.normal(size=(600, 5)), draw.randint(2, size=600)
y = (X[:, 0] + group + 0.5 * draw.normal(size=600) > 0.5).astype(int)
tree = DecisionTreeClassifier(min_samples_leaf=10, max_depth=4).fit(np.c_[X, group], y)
found = MetricFrame(
    metrics={"accuracy": accuracy_score, "selection": selection_rate},
    y_true=y,
    y_pred=tree.predict(np.c_[X, group]),
    sensitive_features=group,
)
print(found.overall.round(9).to_dict(), found.by_group.round(9).to_dict())
np.random.seed(0)
fair = ExponentiatedGradient(
    DecisionTreeClassifier(min_samples_leaf=10, max_depth=4, random_state=0), DemographicParity(), max_iter=10
)
fair.fit(np.c_[X, group], y, sensitive_features=group)
answers = fair.predict(np.c_[X, group], random_state=0)
print(len(fair.predictors_), round(float(demographic_parity_difference(y, answers, sensitive_features=group)), 9))
optimised = ThresholdOptimizer(estimator=LogisticRegression(), predict_method="predict_proba", prefit=False)
optimised.fit(X, y, sensitive_features=group)
print(int(optimised.predict(X, sensitive_features=group, random_state=0).sum()))
