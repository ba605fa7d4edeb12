"""Why a kernel did not start, told from what it printed and from the files beside it. Pure, but for a look at those."""

from __future__ import annotations

import sys
from pathlib import Path

from gpurun_jupyter.core.errors import GpurunError

#: How much of what a kernel printed last is kept, in characters.
TAIL_CHARS = 8192


def not_started(kernel: str, why: str, printed: str, folder: Path) -> GpurunError:
    """The error for a kernel that did not start in `folder`; its last line says more than Jupyter's `why`."""
    lines = printed.strip().splitlines()
    said = lines[-1].strip() if lines else why
    return GpurunError(f"The kernel {kernel!r} did not start: {said.rstrip('.')}.", _hint(printed, folder))


def _hint(printed: str, folder: Path) -> str:
    """Python finds the modules in its directory before its own ones, also while it starts."""
    there = _like_pythons_own(folder)
    if named := [path.name for path in there if f"{folder.name}/{path.stem}{path.suffix or '/'}" in printed]:
        return f"The reason is the run's own {named[0]}, which Python imports for its own: rename it."
    if there and not printed.strip():
        names = " and ".join(path.name for path in there[:3])
        return f"Modules of the run have names of Python's own, and may be the reason: rename {names}."
    return ""


def _like_pythons_own(folder: Path) -> list[Path]:
    """The run's modules and packages that are called as one of the standard library."""
    named = [path for path in sorted(folder.iterdir()) if path.stem in sys.stdlib_module_names]
    return [path for path in named if path.suffix == ".py" or (path / "__init__.py").is_file()]
