"""MLflow in a run: its clients are answered here, on the run's own machine, and what they log becomes events."""
