"""Keras: model.fit with verbose=2, one line an epoch."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
from _small import digits, tell

x, y, x_test, y_test = digits()
keras.utils.set_random_seed(0)
model = keras.Sequential(
    [keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10, activation="softmax")]
)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
slower = keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=0.05)
history = model.fit(
    x, y, epochs=6, batch_size=64, validation_data=(x_test, y_test), verbose=2, callbacks=[slower]
).history
tell(
    metrics={
        name: float(f"{values[-1]:.4{'e' if abs(values[-1]) <= 1e-3 else 'f'}}") for name, values in history.items()
    },
    epoch=6,
    fraction=1.0,
)
