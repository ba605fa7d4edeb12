"""Lists of runs: conditions, order, windows."""
