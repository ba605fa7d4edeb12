"""What a cell is, told to the IPython shell of a run's kernel: where it stands, how it ends, what it may ask."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from gpurun_jupyter.in_kernel import children, commands, interrupts, messages, spawned

#: In the metadata of a request to execute a cell: its number in the notebook, and the lines above the code sent.
PLACE = "gpurun_place"


def install() -> None:
    """Once in a kernel. Does nothing where that is not IPython's."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None:
        return
    Places(shell)
    _end_by_exit(shell)
    messages.lose_nothing(shell)
    commands.have_nobody_to_ask(shell)
    children.speak_plainly(shell)
    spawned.explain()
    interrupts.reach_the_code(shell)


class Places:
    """Has the code of requests known as cells of the notebook that it comes from: `In[4], line 6`."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._request = ""  # that was seen last
        self._file: object = None  # the name of its code
        self._above = ""
        self._name = shell.compile.cache
        self._parse = shell.compile.ast_parse
        shell.compile.cache = self._named
        shell.compile.ast_parse = self._parsed

    def _named(self, code: str, number: int = 0, *args: Any, **options: Any) -> Any:
        """Only the first code of a request is the cell; there may be more within it."""
        request, place = self._asked()
        if place is None or request == self._request:
            return self._name(code, number, *args, **options)
        self._request, (number, lines_above) = request, place
        self._above = "# %%gpurun\n" * lines_above  # where the notebook has the magic
        self._file = self._name(self._above + code, number or 1, *args, **options)
        return self._file

    def _parsed(self, code: str, filename: str = "<unknown>", *args: Any, **options: Any) -> Any:
        above = self._above if filename == self._file else ""  # code within the cell has lines of its own
        return self._parse(above + code, filename, *args, **options)

    def _asked(self) -> tuple[str, Any]:
        """The id of the request, and what it says of its place."""
        parent = self._shell.parent_header or {}
        return parent.get("header", {}).get("msg_id", ""), parent.get("metadata", {}).get(PLACE)


def _end_by_exit(shell: Any) -> None:
    """`exit` and `quit` raise SystemExit, as in a script, after telling whoever asked for the cell that it was meant.

    IPython's advice how to exit is for somebody at a terminal.
    """
    usual = type(shell.exiter)

    class Exit(usual):  # type: ignore[misc, valid-type]
        """`exit`, `exit()`, `exit(3)`."""

        def __call__(self, code: object = None) -> None:
            shell.payload_manager.write_payload({"source": "ask_exit", "keepkernel": False})
            raise SystemExit(code)

    shell.exiter = Exit(shell)
    shell.user_ns.update(exit=shell.exiter, quit=shell.exiter)
    for one in type(shell).__mro__:  # each module has imported `warn` under its own name
        module = sys.modules.get(one.__module__)
        if module is not None and module.__name__.startswith(("IPython", "ipykernel")) and hasattr(module, "warn"):
            module.warn = _without_advice(module.warn)  # type: ignore[attr-defined]


def _without_advice(warn: Callable[..., None]) -> Callable[..., None]:
    def warn_otherwise(message: object, *args: Any, stacklevel: int = 1, **options: Any) -> None:
        if not str(message).startswith("To exit:"):
            warn(message, *args, stacklevel=stacklevel + 1, **options)

    return warn_otherwise
