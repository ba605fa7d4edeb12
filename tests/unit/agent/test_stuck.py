"""What never arrives though the server is reached has an end: a proxy refuses it, or the way loses big requests."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from grants import GRANT

from gpurun_jupyter.agent.link import ServerFault
from gpurun_jupyter.agent.remote.connection import ServerConnection, refusal
from gpurun_jupyter.agent.remote.link import HttpLink
from gpurun_jupyter.core.errors import TooLarge
from gpurun_jupyter.core.grants import Orders, Report
from gpurun_jupyter.core.home import Home

REPORT = Report(agent_id="a", host="h", version="1", boot="b", devices=[], holding=["r/1"])


class Way:
    """To a server that hears reports, unless it is away, and takes so many pieces of files before it is cut."""

    def __init__(self) -> None:
        self.away, self.cut_after = False, 0

    async def ask(self, *_: Any, **__: Any) -> Orders:
        if self.away:
            raise ConnectionError("away")
        return Orders()

    async def send(self, method: str, path: str, *_: Any, **__: Any) -> Any:
        if path.endswith("files/missing"):
            return httpx.Response(200, json={"have": {}})
        self.cut_after -= method == "PUT"
        if self.cut_after < 0 or method != "PUT":
            raise ConnectionError("cut")
        return httpx.Response(200, json={})


class Story:
    """A big file on this way, again and again."""

    def __init__(self, root: Path) -> None:
        self.way, home = Way(), Home(root)
        home.create()
        folder = home.attempt("r", 1)
        folder.work.mkdir(parents=True)
        (folder.work / "big").write_bytes(bytes(20 << 20))
        self.link = HttpLink(cast(ServerConnection, self.way), home, 0.02)
        self.link._log_of(GRANT).known_bytes = 0

    async def failure(self, *, reported: bool = True) -> type[BaseException]:
        if reported and not self.way.away:
            await self.link.sync(REPORT)
        with pytest.raises(ConnectionError) as raised:
            await self.link.deliver(GRANT)
        return raised.type


def test_what_is_stuck_while_reports_arrive_is_a_fault(tmp_path: Path) -> None:
    async def go() -> None:
        story = Story(tmp_path)
        assert await story.failure() is ConnectionError  # nobody has reported since it began
        assert await story.failure() is ServerFault
        assert await story.failure(reported=False) is ConnectionError
        story.way.away = True
        assert await story.failure() is ConnectionError
        story.way.away, story.way.cut_after = False, 1
        assert await story.failure() is ConnectionError, "a piece has arrived"
        assert await story.failure() is ServerFault

    asyncio.run(go())


def test_a_proxy_that_refuses_the_size_is_named_with_what_to_do() -> None:
    refused = refusal(httpx.Response(413, text="<html>413 Request Entity Too Large</html>"))
    assert isinstance(refused, TooLarge)
    assert "client_max_body_size 16m" in str(refused)
    assert not isinstance(refusal(httpx.Response(502, text="<html>")), TooLarge)
