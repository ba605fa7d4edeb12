"""The bars of a run: which is which over its redraws, what belongs together, how far the whole is."""
