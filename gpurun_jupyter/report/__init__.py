"""What code says of itself inside a run: how far it is, and which values it reached.

Standard library only, and runs on Python 3.8. Outside a run everything is printed plainly instead, and nothing fails.

    from gpurun_jupyter import report
    for batch in report.track(loader, "training"): ...
    report.progress(3, 10, "epoch")
    report.log(step=3, loss=loss, acc=acc)
"""

from __future__ import annotations

from gpurun_jupyter.report.bars import progress, track
from gpurun_jupyter.report.values import log

__all__ = ["log", "progress", "track"]
