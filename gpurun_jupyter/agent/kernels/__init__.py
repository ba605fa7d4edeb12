"""The kernels in which cells are executed: those of kernelspecs, and our own, forked and quick."""
