"""Which columns tell the price of a house? Features made and chosen in five ways on California housing.

Every way of choosing names its columns; a linear model and a nearest-neighbour model then say what the choice is worth.
fetch_california_housing downloads the data once, or finds them in the folder that SCIKIT_LEARN_DATA names.
"""

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_california_housing
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import RFE, SelectKBest, f_regression, mutual_info_regression
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

KEEP = 5

# ---- 1. Features from features ----

housing = fetch_california_housing(as_frame=True).frame.sample(1500, random_state=0)
price = housing.pop("MedHouseVal")
housing["RoomsPerPerson"] = housing["AveRooms"] / housing["AveOccup"]
housing["BedroomShare"] = housing["AveBedrms"] / housing["AveRooms"]
housing["LogPopulation"] = np.log1p(housing["Population"])
cities = {"LosAngeles": (34.05, -118.24), "SanFrancisco": (37.77, -122.42)}
for city, (latitude, longitude) in cities.items():
    housing[f"To{city}"] = np.hypot(housing["Latitude"] - latitude, housing["Longitude"] - longitude)
housing = housing.clip(upper=housing.quantile(0.99), axis=1)  # prisons and hotels: a thousand people in a household
housing["Noise"] = np.random.default_rng(0).normal(size=len(housing))  # a good choice leaves it out
names = housing.columns.to_numpy()
print(f"{len(housing)} districts, {len(names)} features: {', '.join(names)}")
X = StandardScaler().fit_transform(housing)

# ---- 2. Five ways to choose ----

filtered = SelectKBest(f_regression, k=KEEP).fit(X, price)
information = mutual_info_regression(X, price, n_neighbors=5, random_state=0)
eliminated = RFE(LinearRegression(), n_features_to_select=KEEP).fit(X, price)
lasso = Lasso(alpha=0.02).fit(X, price)
forest = RandomForestRegressor(n_estimators=30, min_samples_leaf=3, random_state=0).fit(X, price)
weights = pd.DataFrame(
    {
        "F": filtered.scores_,
        "information": information,
        "RFE rank": eliminated.ranking_,
        "lasso": lasso.coef_,
        "forest": forest.feature_importances_,
    },
    index=names,
)
print("\nWhat each way thinks of each feature:")
weights = weights.sort_values("information", ascending=False).round({"F": 1, "information": 3, "lasso": 3, "forest": 3})
weights["lasso"] += 0.0  # turns -0.0 into 0.0
print(weights.to_string())


def largest(values):
    """The KEEP columns of the largest values."""
    return np.sort(np.argsort(-np.abs(values))[:KEEP])


choices = {
    "all features": np.arange(len(names)),
    "SelectKBest": filtered.get_support(indices=True),
    "mutual information": largest(information),
    "RFE": eliminated.get_support(indices=True),
    "lasso": largest(lasso.coef_),
    "forest importances": largest(forest.feature_importances_),
}

# ---- 3. What the choices are worth ----

models = {
    "linear": LinearRegression(),
    "neighbours": make_pipeline(StandardScaler(), KNeighborsRegressor(10, weights="distance")),
}
folds = KFold(n_splits=5, shuffle=True, random_state=0)
print(f"\nR^2 by 5-fold cross-validation, {KEEP} features chosen:")
for name, columns in choices.items():
    scores = {model: cross_val_score(models[model], X[:, columns], price, cv=folds).mean() for model in models}
    shown = ", ".join(f"{model} {score:.3f}" for model, score in scores.items())
    print(f"  {name + ':':20} {shown}   ({', '.join(names[columns]) if len(columns) <= KEEP else 'everything'})")
