"""mlxtend's quick starts: stacking, sequential selection of features, a plot of regions."""

from mlxtend.classifier import EnsembleVoteClassifier, StackingCVClassifier
from mlxtend.evaluate import bias_variance_decomp
from mlxtend.feature_selection import SequentialFeatureSelector
from mlxtend.plotting import plot_decision_regions
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

X, y = load_iris(return_X_y=True)
neighbours, forest = KNeighborsClassifier(n_neighbors=4), RandomForestClassifier(n_estimators=10, random_state=1)
stack = StackingCVClassifier([neighbours, forest, GaussianNB()], LogisticRegression(), random_state=42)
print(cross_val_score(stack, X, y, cv=3).round(9))
vote = EnsembleVoteClassifier([neighbours, forest], weights=[1, 2], voting="soft").fit(X, y)
print(vote.predict_proba(X[50:53]).round(9).tolist())
selector = SequentialFeatureSelector(neighbours, k_features=3, scoring="accuracy", cv=3).fit(X, y)
print(selector.k_feature_idx_, round(selector.k_score_, 9))
parts = bias_variance_decomp(
    DecisionTreeClassifier(random_state=1), X[:100], y[:100], X[100:], y[100:], num_rounds=5, random_seed=1
)
print([round(float(part), 9) for part in parts])
axes = plot_decision_regions(X[:, 2:], y, clf=KNeighborsClassifier().fit(X[:, 2:], y))
print(len(axes.collections))
