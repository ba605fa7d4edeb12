"""The verbs of `gpurun` and `%gpurun`."""
