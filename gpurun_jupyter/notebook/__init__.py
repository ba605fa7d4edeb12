"""`%%gpurun` and `%gpurun`: what stands in a notebook, and what is drawn under it."""
