"""MLflow's tracking REST beside Jupyter: `gpurun/mlflow`, which is what MLFLOW_TRACKING_URI names."""
