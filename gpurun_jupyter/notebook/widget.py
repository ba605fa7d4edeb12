"""The run view as an ipywidget, for front ends without our extension and for a user's own layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

_SCRIPT = Path(__file__).parent.parent / "static" / "widget.js"


def is_built() -> bool:
    """Whether the widget's script is there; a checkout has it after a build."""
    return _SCRIPT.is_file()


class RunWidget(anywidget.AnyWidget):
    """A run: `run` is its JSON, `output` the end of what it printed, `link` says when the connection is down."""

    _esm = traitlets.Unicode().tag(sync=True)
    run = traitlets.Dict().tag(sync=True)
    output = traitlets.Dict().tag(sync=True)
    link = traitlets.Unicode().tag(sync=True)

    @traitlets.default("_esm")
    def _read_script(self) -> Any:
        return _SCRIPT.read_text("utf-8")
