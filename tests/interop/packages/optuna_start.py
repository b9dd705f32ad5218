"""optuna's quick start: a study over two kinds of classifier."""

import optuna
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

optuna.logging.set_verbosity(optuna.logging.WARNING)
X, y = load_iris(return_X_y=True)


def objective(trial):
    """How well a classifier of the trial's choice does."""
    if trial.suggest_categorical("classifier", ["neighbours", "forest"]) == "neighbours":
        model = KNeighborsClassifier(n_neighbors=trial.suggest_int("n_neighbors", 1, 15))
    else:
        depth = trial.suggest_int("max_depth", 2, 8, log=True)
        model = RandomForestClassifier(max_depth=depth, n_estimators=10, random_state=0)
    return cross_val_score(model, X, y, cv=3).mean()


study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
study.optimize(objective, n_trials=12)
print(study.best_params, round(study.best_value, 9))
print([round(trial.value, 9) for trial in study.trials])
