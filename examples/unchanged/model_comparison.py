"""Which classifier suits the tumour data? Five models by 5-fold cross-validation, then a forest tuned by grid search.

load_breast_cancer: 569 tumours, 30 measurements each, benign or malignant. A fifth is set aside for the last word.
"""

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

data = load_breast_cancer(as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(
    data.data, data.target, test_size=0.2, stratify=data.target, random_state=42
)
print(f"{len(X_train)} tumours to learn from, {len(X_test)} to test with, {X_train.shape[1]} measurements each")

# ---- 1. The same five folds for every model ----

folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=42)
models = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
    "5 nearest neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=5)),
    "15 neighbours, by distance": make_pipeline(StandardScaler(), KNeighborsClassifier(15, weights="distance")),
    "support vector machine": make_pipeline(StandardScaler(), SVC()),
    "decision tree": DecisionTreeClassifier(random_state=42),
    "random forest": RandomForestClassifier(n_estimators=30, random_state=42),
}
rows = []
for name, model in models.items():
    scores = cross_validate(model, X_train, y_train, cv=folds, scoring=["accuracy", "roc_auc"])
    rows.append(
        {
            "model": name,
            "accuracy": scores["test_accuracy"].mean(),
            "spread": scores["test_accuracy"].std(),
            "ROC AUC": scores["test_roc_auc"].mean(),
        }
    )
table = pd.DataFrame(rows).set_index("model").sort_values("accuracy", ascending=False)
print("\n5-fold cross-validation:")
print(table.round(4).to_string())

# ---- 2. Grid search over a whole pipeline: every step is fitted anew within each fold ----

pipeline = Pipeline(
    [
        ("scale", StandardScaler()),
        ("reduce", PCA(random_state=42)),
        ("forest", RandomForestClassifier(n_estimators=20, random_state=42)),
    ]
)
grid = {
    "reduce__n_components": [5, 10],
    "forest__max_depth": [3, None],
}
search = GridSearchCV(pipeline, grid, cv=folds, scoring="roc_auc").fit(X_train, y_train)
tried = pd.DataFrame(search.cv_results_)
columns = {f"param_{name}": name.split("__")[1] for name in grid} | {"mean_test_score": "ROC AUC"}
print("\nForest pipeline, grid search:")
print(tried[list(columns)].rename(columns=columns).round(4).to_string(index=False))
print("best:", search.best_params_)

# ---- 3. The neighbours deserve a search as well ----

neighbours = GridSearchCV(
    models["5 nearest neighbours"],
    {"kneighborsclassifier__n_neighbors": [3, 9], "kneighborsclassifier__p": [1, 2]},
    cv=folds,
).fit(X_train, y_train)
print(f"\nNearest neighbours, grid search: {neighbours.best_params_}, accuracy {neighbours.best_score_:.4f}")

# ---- 4. The last word has data that nobody has seen ----

for name, model in {"forest pipeline": search, "nearest neighbours": neighbours}.items():
    predicted = model.predict(X_test)
    print(f"\nTest data, {name}:")
    print(confusion_matrix(y_test, predicted))
    print(classification_report(y_test, predicted, target_names=data.target_names, digits=3))
