"""Variables of a notebook as files and back, in the notebook's kernel and, by the same code, in a run's.

Runs import this from the folder that also holds `report`: it needs only the standard library, runs on Python 3.8, and
imports a library only where a value is one of its objects.

    files.write(path, "x", value, ...)    one variable as one file: JSON, or a zip of value.json and its parts
    files.read(path, "x", ...)            what was written
    kernel.bring_in / kernel.take_out     the two ends inside a run
"""

from __future__ import annotations
