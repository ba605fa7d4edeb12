from __future__ import annotations

import httpx
import pytest
from unit.client_fake import FakeServer, ended

from gpurun_jupyter.client import Run, follow
from gpurun_jupyter.core.events import AnyEvent, Output


class InterruptedView:
    """A view under which a person presses Ctrl-C at the first `interrupts` events."""

    def __init__(self, interrupts: int) -> None:
        self.interrupts = interrupts
        self.said: list[str] = []

    def run(self, record: object) -> None: ...

    def note(self, text: str) -> None: ...

    def tick(self) -> None:
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt

    def event(self, event: AnyEvent) -> None: ...

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer(ended("cancelled", "cancelled_by"), [Output(stream="stdout", text="x")])


def followed(server: FakeServer, interrupts: int, how: follow.Interrupt) -> tuple[bool, list[str], InterruptedView]:
    run: Run = server.client.get("last")
    view = InterruptedView(interrupts)
    left = follow.follow(run, view, how) is None
    kills = [request.content.decode() for request in server.seen if request.url.path.endswith("cancel")]
    return left, kills, view


def test_an_interrupt_detaches_where_nobody_waits(server: FakeServer) -> None:
    assert followed(server, 1, "detach")[:2] == (True, [])


def test_the_first_interrupt_asks_and_the_second_kills(server: FakeServer) -> None:
    left, kills, view = followed(server, 2, "stop")
    assert (left, kills) == (False, ["{}", '{"kill":true}'])
    assert "interrupt again to kill" in view.said[0]


def test_a_third_interrupt_always_gets_out(server: FakeServer) -> None:
    left, kills, _ = followed(server, 3, "stop")
    assert left
    assert len(kills) == 2


def test_an_interrupt_gets_out_when_the_server_is_away(server: FakeServer) -> None:
    run = server.client.get("last")
    view = InterruptedView(1)

    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    run._connection._http._transport = httpx.MockTransport(down)
    assert follow.follow(run, view, "stop") is None
