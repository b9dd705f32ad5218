"""econml's quick start: the effect of a treatment, with forests and lassos for the rest."""

import numpy as np
from econml.dml import LinearDML
from econml.metalearners import TLearner
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LassoCV

draw = np.random.RandomState(0)
X, W = draw.normal(size=(400, 2)), draw.normal(size=(400, 4))
T = W[:, 0] + draw.normal(size=400)
Y = (1 + X[:, 0]) * T + W[:, 0] + draw.normal(size=400)
forest = RandomForestRegressor(n_estimators=20, min_samples_leaf=10, random_state=0)
effects = LinearDML(model_y=forest, model_t=LassoCV(), random_state=0).fit(Y, T, X=X, W=W)
print(np.round(effects.effect(X[:3]), 6), np.round(effects.coef_, 6), round(float(effects.intercept_), 6))
print(np.round(effects.effect_interval(X[:2], alpha=0.05), 5).tolist())
learner = TLearner(models=GradientBoostingRegressor(n_estimators=20, random_state=0)).fit(Y, T > 0, X=X)
print(np.round(learner.effect(X[:3]), 6))
