"""Train a linear classifier of handwritten digits: a script as one has it, with a bar, metrics and arguments."""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from gpurun_jupyter import report


def main() -> None:
    options = parse_arguments()
    images, digits = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        images / 16, digits, test_size=0.25, stratify=digits, random_state=options.split_seed
    )
    model = SGDClassifier(loss="log_loss", alpha=options.alpha, average=True, random_state=0)
    order = np.random.default_rng(0)
    for epoch in range(1, options.epochs + 1):
        batches = np.array_split(order.permutation(len(x)), len(x) // options.batch)
        for batch in tqdm(batches, desc=f"epoch {epoch}/{options.epochs}"):
            model.partial_fit(x[batch], y[batch], classes=np.unique(digits))
        loss = log_loss(y_test, model.predict_proba(x_test))
        accuracy = model.score(x_test, y_test)
        report.log(step=epoch, loss=loss, acc=accuracy)
        print(f"epoch {epoch}: loss {loss:.3f}, accuracy {accuracy:.4f}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32, help="images in a batch")
    parser.add_argument("--alpha", type=float, default=1e-4, help="strength of the regularisation")
    parser.add_argument("--split-seed", type=int, default=0, help="which quarter of the images is held out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
