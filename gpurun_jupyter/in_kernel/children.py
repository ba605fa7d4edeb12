"""What forked children of a kernel show: no front end hears their widgets and displays, so they say it as text."""

from __future__ import annotations

import os
import sys
from typing import Any


def speak_plainly(shell: Any) -> None:
    """In each child that is forked from now on."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _in_child(shell))


def _in_child(shell: Any) -> None:
    notebook, std = sys.modules.get("tqdm.notebook"), sys.modules.get("tqdm.std")
    if notebook is not None and std is not None:
        _draw_as(notebook.tqdm_notebook, std.tqdm)
    # Jupyter's session sends nothing from a fork, and warns each time.
    shell.display_pub.publish = _print_plain


def _draw_as(widget_bar: Any, text_bar: Any) -> None:
    """Leave the class of bars that are widgets nothing of its own: it inherits how to draw text."""
    for name in vars(text_bar).keys() & vars(widget_bar).keys() - {"__module__", "__doc__", "__dict__", "__weakref__"}:
        delattr(widget_bar, name)


def _print_plain(data: Any, *_: object, **__: object) -> None:
    """Instead of publishing a mime bundle."""
    if plain := data.get("text/plain"):
        print(plain, flush=True)
