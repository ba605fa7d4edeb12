"""What MLflow knows of runs and models, in its database, its files or behind a tracking server, becomes ours."""
