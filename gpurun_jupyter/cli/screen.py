"""Where a verb shows what it found: a terminal or a notebook cell. The verbs know no difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from gpurun_jupyter.client import Client, Run
    from gpurun_jupyter.client.follow import Interrupt
    from gpurun_jupyter.core.runs import Run as RunRecord
    from gpurun_jupyter.core.system.user_services import Service
    from gpurun_jupyter.views.tables import Table


class Screen(Protocol):
    """What a terminal and a notebook both can do."""

    def say(self, text: str) -> None:
        """One line for a person about what is going on; a terminal has it on stderr."""

    def text(self, text: str) -> None:
        """An answer as text, such as what a run printed: as it is, without a newline of its own."""

    def tables(self, tables: list[Table]) -> None:
        """Tables below one another."""

    def values(self, values: dict[str, Any]) -> None:
        """Variables that a run left: a notebook takes them."""

    def json(self, value: Any) -> None:
        """The same for a machine."""

    def follow(self, run: Run, interrupt: Interrupt, tail: int | None = None) -> RunRecord | None:
        """Show the run to its end, from the last `tail` lines on; None if the person left before."""


def installed(screen: Screen, service: Service) -> None:
    """Write a service, show it, say what to type next."""
    path, then = service.install()
    screen.text(path.read_text())
    screen.say(f"written to {path}; have it started: {then}")


def _any_client() -> Client:
    from gpurun_jupyter.client import Client

    return Client()


@dataclass
class Invocation:
    """One call of a verb: where it shows things, and the client, which is looked for when first needed."""

    screen: Screen
    make_client: Callable[[], Client] = field(default=_any_client)

    @cached_property
    def client(self) -> Client:
        """The server to talk to. Raises ServerUnreachable."""
        return self.make_client()
