"""What gpurun does inside a run's kernel, whatever environment that is of: the standard library and its IPython."""
