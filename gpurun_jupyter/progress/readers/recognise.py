"""Asks every recogniser what a piece of text is; a new format joins RECOGNISERS."""

from __future__ import annotations

from gpurun_jupyter.progress.readers import keras, other_bars, rich, tqdm, ultralytics
from gpurun_jupyter.progress.readers.readings import Reading

#: Asked in this order what a piece of text after a carriage return, or a row of a live display, is.
# Whatever has a `━` may pass for one of rich: that comes last.
RECOGNISERS = {
    "bars/keras": keras.read,
    "bars/ultralytics": ultralytics.read,
    "bars/other-bars": other_bars.read,
    "bars/tqdm": tqdm.read,
    "bars/rich": rich.read,
}


#: No bar is longer: a row of a wide terminal, with a colour for each character.
MAX_CHARS = 4096


def recognise(frame: str) -> Reading | None:
    """The bar that the text is; None where it is none."""
    if len(frame) > MAX_CHARS:
        return None
    for by, read in RECOGNISERS.items():
        if found := read(frame):
            found = found._replace(by=by)
            return found if found.cells else ultralytics.with_columns(found)
    return None
