"""Asks every recogniser what a piece of text is; a new format joins RECOGNISERS."""

from __future__ import annotations

from gpurun_jupyter.progress.readers import keras, other_bars, rich, tqdm, ultralytics
from gpurun_jupyter.progress.readers.readings import Reading

#: Asked in this order what a piece of text after a carriage return, or a row of a live display, is.
# Whatever has a `━` may pass for one of rich: that comes last.
RECOGNISERS = (keras.read, ultralytics.read, other_bars.read, tqdm.read, rich.read)


#: No bar is longer: a row of a wide terminal, with a colour for each character.
MAX_CHARS = 4096


def recognise(frame: str) -> Reading | None:
    """The bar that the text is; None where it is none."""
    if len(frame) > MAX_CHARS:
        return None
    readings = (read(frame) for read in RECOGNISERS)
    found = next((reading for reading in readings if reading), None)
    return ultralytics.with_columns(found) if found and not found.cells else found
