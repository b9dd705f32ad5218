"""shap's quick start: what moves a prediction of a forest."""

import numpy as np
import shap
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor

X, y = load_diabetes(return_X_y=True, as_frame=True)
model = RandomForestRegressor(n_estimators=20, max_depth=4, random_state=0).fit(X, y)
explainer = shap.TreeExplainer(model)
values = explainer(X[:20])
print(values.shape, np.round(values.base_values[:3], 6).ravel())
print(dict(zip(X.columns, np.abs(values.values).mean(axis=0).round(6), strict=True)))
