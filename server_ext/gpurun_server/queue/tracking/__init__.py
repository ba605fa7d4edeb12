"""MLflow's tracking REST over the database and the folders: everything that is a person's own, and nothing else."""
