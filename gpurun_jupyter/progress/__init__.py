"""Terminal text in, Output, Progress and Metric events out. Pure.

Each format is a small recogniser (tqdm.py, markers.py); a new one joins RECOGNISERS in screen.py.
"""

from __future__ import annotations

from gpurun_jupyter.progress.decoder import Decoder

__all__ = ["Decoder"]
