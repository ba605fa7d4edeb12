"""Small data and a small network that every training here shares, and the truth that each leaves at its end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np


def digits(test: int = 360) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """scikit-learn's pictures of 8 x 8 points: train x and y, test x and y."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, order = (x / 16).astype(np.float32), np.random.default_rng(0).permutation(len(y))
    x, y = x[order], y[order]
    return x[test:], y[test:], x[:test], y[:test]


def loaders(batch: int = 64):
    """The same for PyTorch: batches for training and for the test."""
    import torch

    torch.manual_seed(0)
    x, y, x_test, y_test = (torch.from_numpy(part) for part in digits())
    train = torch.utils.data.TensorDataset(x, y)
    test = torch.utils.data.TensorDataset(x_test, y_test)
    return (
        torch.utils.data.DataLoader(train, batch, shuffle=True, drop_last=True),
        torch.utils.data.DataLoader(test, batch),
    )


def network():
    """A network of two layers for digits."""
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))


class Softmax:
    """Softmax regression of digits in NumPy alone."""

    def __init__(self, rate: float = 0.5):
        self.x, self.y, self.x_test, self.y_test = digits()
        self.weights, self.rate = np.zeros((64, 10), np.float32), rate

    def _losses(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = np.exp(x @ self.weights)
        chances = scores / scores.sum(1, keepdims=True)
        return chances, -np.log(chances[np.arange(len(y)), y])

    def step(self, number: int, batch: int = 64) -> float:
        """Learn from one batch; its loss."""
        at = np.arange(number * batch, (number + 1) * batch) % len(self.y)
        chances, losses = self._losses(self.x[at], self.y[at])
        chances[np.arange(batch), self.y[at]] -= 1
        self.weights -= self.rate * self.x[at].T @ chances / batch
        return float(losses.mean())

    def epoch(self, steps: int = 22) -> float:
        """Learn from all batches once; their mean loss."""
        return float(np.mean([self.step(number) for number in range(steps)]))

    def test(self) -> tuple[float, float]:
        """Loss and accuracy on what it has not seen."""
        chances, losses = self._losses(self.x_test, self.y_test)
        return float(losses.mean()), float((chances.argmax(1) == self.y_test).mean())


def tell(**truth: object) -> None:
    """Leave what the training itself knows: `metrics` as printed last, `epoch`, `step`, `fraction`, `left_s`."""
    path = Path(os.environ.get("RECORDING_TRUTH", "truth.json"))
    path.write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
