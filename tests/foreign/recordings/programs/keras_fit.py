"""Keras: model.fit with validation."""

from __future__ import annotations

import keras
from _data import CLASSES, FEATURES, points, tell_truth, work

EPOCHS = 5
x, y = points(960).tensors
x_valid, y_valid = points(320, 1).tensors


class Slow(keras.callbacks.Callback):
    """Batches that take a while, as those of a bigger network do."""

    def on_train_batch_end(self, batch, logs=None):
        work(0.04)

    def on_test_batch_end(self, batch, logs=None):
        work(0.02)


keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((FEATURES,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(CLASSES, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(
    x.numpy(),
    y.numpy(),
    epochs=EPOCHS,
    validation_data=(x_valid.numpy(), y_valid.numpy()),
    callbacks=[Slow()],
).history
metrics = {name: float(f"{values[-1]:.4f}") for name, values in history.items()}
tell_truth(library="keras", epochs=EPOCHS, steps=30, metrics=metrics)
