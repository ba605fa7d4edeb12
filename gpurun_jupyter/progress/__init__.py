"""Terminal text in, Output, Progress and Metric events out. Pure.

Each format is a small recogniser in a file of its own; a new one joins RECOGNISERS in recognise.py. screen.py reads
what is redrawn row by row, live_display.py displays of several rows, plain.py and lines.py all other text. epochs.py
knows in which epoch a run is, overall.py how far it is as a whole.
"""

from __future__ import annotations

from gpurun_jupyter.progress.decoder import Decoder

__all__ = ["Decoder"]
