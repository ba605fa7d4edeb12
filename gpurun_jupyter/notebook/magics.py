"""`%%gpurun [options]` runs the cell, `%gpurun VERB` is the command line. Loading this imports nothing heavy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpurun_jupyter.cli.screen import Invocation
    from gpurun_jupyter.client import Client


def register(shell: Any) -> None:
    """Give an IPython shell `%%gpurun` and `%gpurun`."""
    magics = Magics(shell)
    shell.register_magic_function(magics.cell, "cell", "gpurun")
    shell.register_magic_function(magics.line, "line", "gpurun")
    if _with_a_body not in shell.input_transformers_cleanup:  # the extension may be loaded twice
        shell.input_transformers_cleanup.append(_with_a_body)


class Magics:
    """The two magics of one shell, and the client that they share."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._client: Client | None = None
        self._named_by: tuple[str | None, str | None] = (None, None)

    def cell(self, line: str, cell: str) -> Any:
        """%%gpurun [options]: run the cell; see %%gpurun --help."""
        from gpurun_jupyter.notebook import cells, faults

        with faults.said_in_a_sentence(self._forget):
            return cells.run_cell(self._shell, self._invocation(), line, cell)

    def line(self, line: str) -> None:
        """%gpurun VERB: the command line; see %gpurun --help."""
        from gpurun_jupyter.notebook import cells, faults

        with faults.said_in_a_sentence(self._forget):
            cells.run_line(self._invocation(), line)

    def _invocation(self) -> Invocation:
        from gpurun_jupyter.cli.screen import Invocation
        from gpurun_jupyter.notebook.screens import screen_of

        return Invocation(screen_of(self._shell), self._connected)

    def _connected(self) -> Client:
        """The client, made anew when another server is named or the last one is gone."""
        from gpurun_jupyter.client import Client

        named_by = (os.environ.get("GPURUN_URL"), os.environ.get("GPURUN_TOKEN"))  # a cell may have set others
        if self._client is None or named_by != self._named_by:
            self._forget()
            self._client, self._named_by = Client(), named_by
        return self._client

    def _forget(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None


def _with_a_body(lines: list[str]) -> list[str]:
    """IPython refuses a cell magic without a cell before we could answer `%%gpurun --help`: give it an empty line."""
    alone = len(lines) == 1 and lines[0].split()[:1] == ["%%gpurun"]
    return [lines[0].rstrip("\n") + "\n", "\n"] if alone else lines
