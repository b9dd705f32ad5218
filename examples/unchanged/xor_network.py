"""A line cannot separate XOR; a network with one hidden layer can.

First the four points of the truth table, then a cloud around each of them, with points held back for the test.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# ---- 1. The truth table ----

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([0, 1, 1, 0])

line = LogisticRegression().fit(X, y)
print(f"a line gets {int(line.score(X, y) * 4)} of 4 right")

network = MLPClassifier(hidden_layer_sizes=(4,), activation="tanh", solver="lbfgs", random_state=1).fit(X, y)
print(f"a network of {network.n_layers_} layers gets {int(network.score(X, y) * 4)} of 4 right")
answers, chances = network.predict(X), network.predict_proba(X)[:, 1]
for (a, b), answer, chance in zip(X, answers, chances, strict=True):
    print(f"  {a} xor {b} = {answer}   (probability of 1: {chance:.2f})")
for number, weights in enumerate(network.coefs_, 1):
    print(f"layer {number}: weights of shape {weights.shape}, {len(network.intercepts_[number - 1])} offsets")

# ---- 2. Clouds, and how the number of hidden units matters ----

rng = np.random.default_rng(1)
corners = rng.integers(0, 2, size=(400, 2))
clouds = corners + rng.normal(scale=0.18, size=corners.shape)
labels = corners[:, 0] ^ corners[:, 1]
X_train, X_test, y_train, y_test = train_test_split(clouds, labels, test_size=0.25, random_state=1)
print(f"\n{len(X_train)} points around the corners to learn from, {len(X_test)} to test with")
for units in (1, 2, 4):
    # A penalty large enough for the data, and not the last digits of 300 steps, to say where the line bends.
    network = MLPClassifier((units,), activation="tanh", solver="lbfgs", alpha=0.1, max_iter=300, random_state=2)
    model = make_pipeline(StandardScaler(), network).fit(X_train, y_train)
    known, new = model.score(X_train, y_train), model.score(X_test, y_test)
    print(f"  {units} hidden: accuracy {known:.3f} on known points, {new:.3f} on new ones")

# ---- 3. The same by gradient descent, step by step ----

descent = MLPClassifier(
    hidden_layer_sizes=(8,), solver="sgd", learning_rate_init=0.2, momentum=0.9, batch_size=50, random_state=2
)
for _ in range(40):
    descent.partial_fit(X_train, y_train, classes=[0, 1])
print(f"\ngradient descent, {len(descent.loss_curve_)} passes:")
for passes in (1, 5, 10, 20, 40):
    print(f"  pass {passes:2}: loss {descent.loss_curve_[passes - 1]:.3f}")
print(f"accuracy on new points: {descent.score(X_test, y_test):.3f}")
