"""Gradient descent in NumPy, as plainly as it can be said: what the descents in Rust are compared with."""

import numpy as np


def loss_and_gradient(loss, margins, y, epsilon=1.35):
    """The losses, shape (n,), of margins of shape (n, k), and their gradients, shape (n, k)."""
    if loss == "categorical":
        shifted = margins - margins.max(axis=1, keepdims=True)
        shares = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        own = np.eye(margins.shape[1])[y.astype(int)]
        return np.log(np.exp(shifted).sum(axis=1)) - (shifted * own).sum(axis=1), shares - own
    margin, gradient = margins[:, 0], None
    if loss == "binary":
        losses, gradient = np.logaddexp(0, margin) - y * margin, 1 / (1 + np.exp(-margin)) - y
    elif loss == "squared_error":
        losses, gradient = (margin - y) ** 2 / 2, margin - y
    else:
        error = margin - y
        is_small = np.abs(error) <= epsilon
        losses = np.where(is_small, error**2 / 2, epsilon * (np.abs(error) - epsilon / 2))
        gradient = np.where(is_small, error, epsilon * np.sign(error))
    return losses, gradient[:, None]


def step_length(learning_rate, eta0, step, epoch, power_t=0.25, decay_rate=0.5, decay_epochs=10):
    return {
        "constant": eta0,
        "invscaling": eta0 / step**power_t,
        "step": eta0 * decay_rate ** (epoch // decay_epochs),
        "exponential": eta0 * decay_rate ** (epoch / decay_epochs),
    }[learning_rate]


def descend(
    X,
    y,
    *,
    loss,
    eta0,
    epochs,
    k=1,
    weights=None,
    batch_size=None,
    seed=None,
    l1=0.0,
    l2=0.0,
    solver="sgd",
    momentum=0.0,
    nesterov=False,
    learning_rate="constant",
    fit_intercept=True,
    **schedule,
):
    """Coefficients (k, d), intercepts (k,), and the loss of every epoch. Without a seed, samples come in order."""
    n, d = X.shape
    weights = np.ones(n) if weights is None else weights / np.mean(weights)
    batch_size, random, order = batch_size or n, np.random.RandomState(seed), np.arange(n)
    w, v, s, step, curve = np.zeros((k, d + 1)), np.zeros((k, d + 1)), np.zeros((k, d + 1)), 0, []
    Z = np.c_[X, np.ones(n)]
    for epoch in range(epochs):
        total = 0
        if seed is not None and batch_size < n:
            random.shuffle(order)
        for start in range(0, n, batch_size):
            rows, step = order[start : start + batch_size], step + 1
            losses, gradients = loss_and_gradient(loss, Z[rows] @ w.T, y[rows])
            g = (weights[rows, None] * gradients).T @ Z[rows] / len(rows)
            c = w[:, :-1]
            total += weights[rows] @ losses + len(rows) * (l1 * np.abs(c).sum() + l2 * (c**2).sum() / 2)
            if solver != "adamw":
                g[:, :-1] += l2 * c
            held = g[:, :-1]
            at_zero = np.sign(held) * np.maximum(np.abs(held) - l1, 0)
            g[:, :-1] = np.where(c == 0, at_zero, held + l1 * np.sign(c))
            if not fit_intercept:
                g[:, -1] = 0
            rate, before = step_length(learning_rate, eta0, step, epoch, **schedule), w.copy()
            if solver == "sgd":
                v = momentum * v - rate * g
                w = w + (momentum * v - rate * g if nesterov else v)
            elif solver == "rmsprop":
                s = 0.999 * s + 0.001 * g**2
                v = momentum * v - rate * g / (np.sqrt(s) + 1e-8)
                w = w + v
            else:
                if solver == "adamw":
                    w[:, :-1] *= 1 - rate * l2
                v, s = 0.9 * v + 0.1 * g, 0.999 * s + 0.001 * g**2
                w = w - rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * v / (np.sqrt(s) + 1e-8)
            if l1 > 0:
                crosses = w * before < 0
                crosses[:, -1] = False
                w[crosses] = v[crosses] = 0
        curve.append(total / n)
    return w[:, :-1], w[:, -1], curve
