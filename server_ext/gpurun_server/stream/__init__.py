"""The live connection: logs are tailed, changes of runs and devices found, and each client is told what it watches."""
