"""Keras with verbose=2, a line for each epoch."""

import keras
import numpy as np

keras.utils.set_random_seed(0)
points = np.random.default_rng(0).normal(size=(640, 4)).astype("float32")
sides = (points[:, 0] > 0).astype("float32")
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(points, sides, epochs=3, batch_size=16, validation_split=0.2, verbose=2)
print("trained")
