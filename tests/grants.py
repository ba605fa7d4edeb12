"""What an attempt is granted, where it does not matter what that is."""

from __future__ import annotations

from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.runs import RunSpec

GRANT = Grant(
    run_id="r",
    name="cell-1",
    project="default",
    attempt=1,
    token="t",
    devices=[],
    spec=RunSpec(code="1"),
    owner="anna",
)
