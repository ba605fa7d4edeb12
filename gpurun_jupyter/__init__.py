"""gpurun: run notebook cells and directories on GPUs from Jupyter.

Importing this costs nothing: names are resolved when they are used. It also runs on Python 3.8, because it is how the
environments of runs import `gpurun_jupyter.report`.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpurun_jupyter.client import Client as Client
    from gpurun_jupyter.client import Run as Run
    from gpurun_jupyter.core.errors import RunFailed as RunFailed

# A run finds this file first in a folder that holds only it and `report`; the rest of the package, where the
# environment has it installed, is found through the extended path.
__path__ = pkgutil.extend_path(__path__, __name__)

_NAMES = {
    "Client": "gpurun_jupyter.client",
    "Run": "gpurun_jupyter.client",
    "RunFailed": "gpurun_jupyter.core.errors",
}

__all__ = ["Client", "Run", "RunFailed", "report"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("gpurun-jupyter")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext gpurun_jupyter`: register `%%gpurun` and `%gpurun`."""
    from gpurun_jupyter.notebook import magics

    magics.register(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "gpurun-lab"}]
