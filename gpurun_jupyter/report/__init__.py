"""What code says of itself inside a run: how far it is, which values it reached, what it would go on from.

Standard library only, and runs on Python 3.8. Outside a run everything is printed plainly instead, and nothing fails.

    from gpurun_jupyter import report
    for batch in report.track(loader, "training"): ...
    report.progress(3, 10, "epoch")
    report.log(step=3, loss=loss, acc=acc)
    report.checkpoint("ck.pt", step=3, acc=acc)
    report.save_model("model.pt", name="digits", acc=acc)  # the next version of a model in the registry
    path = report.last_checkpoint()  # also of an earlier attempt at the run
"""

from __future__ import annotations

from gpurun_jupyter.report.bars import progress, track
from gpurun_jupyter.report.checkpoints import checkpoint, last_checkpoint
from gpurun_jupyter.report.models import save_model
from gpurun_jupyter.report.values import log

__all__ = ["checkpoint", "last_checkpoint", "log", "progress", "save_model", "track"]
