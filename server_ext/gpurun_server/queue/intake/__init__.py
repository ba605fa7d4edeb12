"""What comes in beside what people submit: logs, saved models, runs of other tools, folders that no database knows."""
