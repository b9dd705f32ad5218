"""Networks of many kinds of layers in NumPy: what Rust must do, step by step, in the plainest way."""

from itertools import pairwise

import numpy as np
from sklearn.utils import shuffle

MASK = 2**64 - 1


def gelu(x):
    """The tanh form, and its gradient."""
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    t = np.tanh(inner)
    return x * (1 + t) / 2, (1 + t) / 2 + x * (1 - t**2) / 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def activated(name, x):
    """What a layer says of its sums, and a function that pulls errors back."""
    if name == "softmax":
        z = softmax(x)
        return z, lambda e: z * (e - (e * z).sum(axis=1, keepdims=True))
    logistic = 1 / (1 + np.exp(-x))
    z, gradient = {
        "identity": lambda: (x, np.ones_like(x)),
        "logistic": lambda: (logistic, logistic * (1 - logistic)),
        "tanh": lambda: (np.tanh(x), 1 - np.tanh(x) ** 2),
        "relu": lambda: (np.maximum(x, 0), (x > 0) * 1.0),
        "leaky_relu": lambda: (np.where(x < 0, 0.01 * x, x), np.where(x < 0, 0.01, 1.0)),
        "elu": lambda: (np.where(x < 0, np.exp(x) - 1, x), np.where(x < 0, np.exp(x), 1.0)),
        "gelu": lambda: gelu(x),
        "exp": lambda: (np.exp(x), np.exp(x)),
    }[name]()
    return z, lambda e: e * gradient


def mixed(counter):
    """SplitMix64 of one number."""
    z = (counter * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def silenced(share, seed, step, layer, shape):
    """Factors of a layer's units, of shape (n_rows, n_units)."""
    key = mixed((mixed((seed + mixed(step)) & MASK) + layer) & MASK)
    factors = np.empty(shape)
    for row in range(shape[0]):
        z = np.full(shape[1], mixed((key + row) & MASK) >> 32, dtype=np.uint32)
        z += np.arange(shape[1], dtype=np.uint32) * np.uint32(0x9E3779B9)
        z = (z ^ (z >> np.uint32(16))) * np.uint32(0x7FEB352D)
        z = (z ^ (z >> np.uint32(15))) * np.uint32(0x846CA68B)
        factors[row] = np.where((z ^ (z >> np.uint32(16))) < np.uint32(share * 2**32), 0, 1 / (1 - share))
    return factors


LOSSES = {
    "squared_error": lambda y, p: (((p - y) ** 2).mean(axis=1) / 2, p - y),
    "absolute_error": lambda y, p: (np.abs(p - y).mean(axis=1), np.sign(p - y) / y.shape[1]),
    "poisson": lambda y, p: ((np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / p), 0) - y + p).sum(axis=1), p - y),
    "softmax": lambda y, p: (-np.log((p * y).sum(axis=1)), p - y),
    "logistic": lambda y, p: (-np.log(np.where(y, p, 1 - p)).sum(axis=1), p - y),
}


def huber(delta):
    def of(y, p):
        d = np.abs(p - y)
        loss = np.where(d > delta, delta * (d - delta / 2), d**2 / 2).mean(axis=1)
        return loss, np.clip(p - y, -delta, delta) / y.shape[1]

    return of


class Network:
    """A network that is trained as `fit` should train it; y of shape (n_samples, n_outputs)."""

    def __init__(self, hidden, activation, output, loss, *, seed, normalizes=False, residual=False, dropout=0.0):
        self.hidden, self.activation, self.output, self.loss = hidden, activation, output, loss
        self.normalizes, self.residual, self.dropout = normalizes, residual, dropout
        self.random = np.random.RandomState(seed)

    def start(self, n_features, n_outputs):
        self.coefs, self.intercepts = [], []
        for pair in pairwise([n_features, *self.hidden, n_outputs]):
            bound = np.sqrt((2 if self.activation == "logistic" else 6) / sum(pair))
            self.coefs.append(self.random.uniform(-bound, bound, pair))
            self.intercepts.append(self.random.uniform(-bound, bound, pair[1]))
        sizes = self.hidden if self.normalizes else ()
        self.scales = [np.ones(size) for size in sizes]
        self.means, self.variances = [np.zeros(size) for size in sizes], [np.ones(size) for size in sizes]
        self.seed = int(self.random.randint(2**63 - 1, dtype=np.int64)) if self.dropout else 0

    def gradient(self, X, y, w, step):
        """Sums of losses, and of gradients of all parameters, of a batch."""
        said, backs = [X], []
        last = len(self.coefs) - 1
        for layer, (coef, intercept) in enumerate(zip(self.coefs, self.intercepts, strict=True)):
            x = said[-1] @ coef
            normal = None
            if layer < last and self.normalizes:
                mean, variance = x.mean(axis=0), x.var(axis=0)
                share = max(0.1, 1 / (step + 1))
                if len(x) > 1:
                    self.means[layer] = (1 - share) * self.means[layer] + share * mean
                    self.variances[layer] = (1 - share) * self.variances[layer] + share * x.var(axis=0, ddof=1)
                deviation = np.sqrt(variance + 1e-5)
                normal = (x - mean) / deviation, deviation
                x = self.scales[layer] * normal[0]
            x = x + intercept
            z, back = activated(self.activation if layer < last else self.output, x)
            factors = silenced(self.dropout, self.seed, step, layer, z.shape) if layer < last and self.dropout else 1
            skips = self.residual and 0 < layer < last and coef.shape[0] == coef.shape[1]
            said.append(z * factors + (said[-1] if skips else 0))
            backs.append((back, factors, skips, normal))
        losses, errors = self.loss(y, said[-1])
        errors = errors * w[:, None]
        gradients = [[], [], []]
        for layer in range(last, -1, -1):
            back, factors, skips, normal = backs[layer]
            skipped = errors if skips else 0
            if layer < last:
                errors = back(errors * factors)
            gradients[1].insert(0, errors.sum(axis=0))
            if normal:
                u, deviation = normal
                gradients[2].insert(0, (errors * u).sum(axis=0))
                centred = errors - errors.mean(axis=0) - u * (errors * u).mean(axis=0)
                errors = self.scales[layer] / deviation * centred
            gradients[0].insert(0, said[layer].T @ errors)
            errors = errors @ self.coefs[layer].T + skipped
        return losses @ w, [gradient for kind in gradients for gradient in kind]

    def train(self, X, y, *, epochs, rule, batch_size, alpha=0.0, decay=0.0, clip_value=None, clip_norm=None, w=None):
        """Train; rule(step, params, gradients) moves params in place. Returns the loss curve."""
        self.start(X.shape[1], y.shape[1])
        w = np.ones(len(X)) if w is None else w
        order, step, curve = np.arange(len(X)), 0, []
        for _ in range(epochs):
            order = shuffle(order, random_state=self.random)
            total = 0.0
            for start in range(0, len(X), batch_size):
                rows = order[start : start + batch_size]
                loss, gradients = self.gradient(X[rows], y[rows], w[rows], step)
                squares = sum((coef**2).sum() for coef in self.coefs)
                size = w[rows].sum()
                total += (loss + alpha / 2 * squares) / size * len(rows)
                for layer, coef in enumerate(self.coefs):
                    gradients[layer] = gradients[layer] + alpha * coef
                gradients = [gradient / size for gradient in gradients]
                if clip_value is not None:
                    gradients = [np.clip(gradient, -clip_value, clip_value) for gradient in gradients]
                length = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
                if clip_norm is not None and length > clip_norm:
                    gradients = [gradient * (clip_norm / length) for gradient in gradients]
                for coef in self.coefs:
                    coef *= 1 - decay
                step += 1
                rule(step, self.coefs + self.intercepts + self.scales, gradients)
            curve.append(total / len(X))
        return curve

    def say(self, X):
        """What the network says of rows after training."""
        last = len(self.coefs) - 1
        for layer, (coef, intercept) in enumerate(zip(self.coefs, self.intercepts, strict=True)):
            x = X @ coef
            if layer < last and self.normalizes:
                x = self.scales[layer] * (x - self.means[layer]) / np.sqrt(self.variances[layer] + 1e-5)
            z, _ = activated(self.activation if layer < last else self.output, x + intercept)
            skips = self.residual and 0 < layer < last and coef.shape[0] == coef.shape[1]
            X = z + X if skips else z
        return X


def adam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    memory = {}

    def move(step, params, gradients):
        length = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        for at, (param, gradient) in enumerate(zip(params, gradients, strict=True)):
            m, v = memory.get(at, (0, 0))
            memory[at] = m, v = beta_1 * m + (1 - beta_1) * gradient, beta_2 * v + (1 - beta_2) * gradient**2
            param -= length * m / (np.sqrt(v) + epsilon)

    return move


def rmsprop(rate, rho=0.999, epsilon=1e-8):
    memory = {}

    def move(step, params, gradients):
        for at, (param, gradient) in enumerate(zip(params, gradients, strict=True)):
            memory[at] = rho * memory.get(at, 0) + (1 - rho) * gradient**2
            param -= rate * gradient / (np.sqrt(memory[at]) + epsilon)

    return move


def descent(rate):
    def move(step, params, gradients):
        for param, gradient in zip(params, gradients, strict=True):
            param -= rate * gradient

    return move
