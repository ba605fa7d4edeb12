"""The launch file: one run, or a sweep of runs, written down in YAML. Pure; server, client and tests share it.

places.py    YAML as values, each with its line and column
file.py      what may stand in the file, and its JSON Schema
check.py     from the text to a file, or to problems at their places
grid.py      the combinations of the values, and how values reach a run
"""
