"""What lies in the folder of a run: its record, its logs, its files, what was measured."""
