"""This machine's devices: which there are, who holds which, and whose turn it is."""
