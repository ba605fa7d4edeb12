"""What of a log travels at once, and what with the next report; the server is played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gpurun_jupyter.agent.backoff import Hurry
from gpurun_jupyter.agent.remote import checkpoint_upload
from gpurun_jupyter.agent.remote.log_upload import LogUpload, Samples
from gpurun_jupyter.core.errors import WrongOffset
from gpurun_jupyter.core.events import Checkpoint, DeviceSample, Output, Sample, encode_line
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.runs import RunSpec

SAMPLE = encode_line(Sample(devices=[DeviceSample("GPU-1", 90.0, 1, 2, "gpu0", "Émile's card")], rss=1))
OUTPUT = encode_line(Output(stream="stdout", text="hello\n"))


class PlayedServer:
    """Has the log as far as it was sent; `gate` holds up its answers."""

    def __init__(self) -> None:
        self.log = b""
        self.requests = 0
        self.asked, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def send(self, _method: str, path: str, data: bytes, **_: Any) -> None:
        self.requests += 1
        self.asked.set()
        await self.gate.wait()
        if int(path.rpartition("=")[2]) != len(self.log):
            raise WrongOffset("", "", len(self.log))
        self.log += data

    def report(self, samples: Samples) -> None:
        for piece in samples:
            assert piece.offset == len(self.log)
            self.log += piece.lines.encode()
            samples.reached({f"{piece.run_id}/{piece.attempt}": len(self.log), "other/1": 3})


Story = Callable[[LogUpload, PlayedServer, Callable[[bytes], None]], Coroutine[Any, Any, None]]


@pytest.fixture
def tell(tmp_path: Path) -> Callable[[Story], None]:
    """Tell a story of a run that has begun: its log's shipping, the server, what appends to the log."""

    async def told(story: Story) -> None:
        grant = Grant(run_id="r1", name="r", project="p", attempt=1, token="t", devices=[], spec=RunSpec(code="1"))
        home, server = Home(tmp_path), PlayedServer()
        events = home.attempt("r1", 1).events
        events.parent.mkdir(parents=True)

        def append(lines: bytes) -> None:
            with events.open("ab") as file:
                file.write(lines)

        shipping = LogUpload(server, home, grant)  # type: ignore[arg-type]
        append(OUTPUT)
        await shipping.send(samples_too=False)
        assert (server.log, server.requests) == (OUTPUT, 2)  # it was asked how much it had
        await story(shipping, server, append)

    return lambda story: asyncio.run(told(story))


def test_samples_alone_go_with_the_next_report(tell: Callable[[Story], None]) -> None:
    async def story(shipping: LogUpload, server: PlayedServer, append: Callable[[bytes], None]) -> None:
        append(SAMPLE * 2)
        await shipping.send(samples_too=False)
        assert server.requests == 2
        async with Samples([shipping]) as samples:
            assert "r1/1" in samples
            server.report(samples)
        assert server.log == OUTPUT + SAMPLE * 2
        assert shipping.behind() == 0
        assert shipping.samples() is None
        append(OUTPUT)
        await shipping.send(samples_too=False)
        assert (server.log, server.requests) == (OUTPUT + SAMPLE * 2 + OUTPUT, 3)

    tell(story)


@pytest.mark.parametrize("lines", [SAMPLE + OUTPUT, SAMPLE[:-9], SAMPLE * (2**16 // len(SAMPLE) + 1)])
def test_what_is_more_than_a_few_samples_goes_at_once(tell: Callable[[Story], None], lines: bytes) -> None:
    async def story(shipping: LogUpload, server: PlayedServer, append: Callable[[bytes], None]) -> None:
        append(lines)
        assert shipping.samples() is None
        await shipping.send(samples_too=False)
        assert server.log == OUTPUT + lines

    tell(story)


def test_at_the_end_samples_go_too(tell: Callable[[Story], None]) -> None:
    async def story(shipping: LogUpload, server: PlayedServer, append: Callable[[bytes], None]) -> None:
        append(SAMPLE)
        await shipping.send(samples_too=True)
        assert server.log == OUTPUT + SAMPLE

    tell(story)


def test_nothing_travels_on_both_ways_at_a_time(tell: Callable[[Story], None]) -> None:
    async def story(shipping: LogUpload, server: PlayedServer, append: Callable[[bytes], None]) -> None:
        append(SAMPLE)
        async with Samples([shipping]) as samples:
            append(OUTPUT)
            sending = asyncio.create_task(shipping.send(samples_too=False))
            await asyncio.sleep(0)
            server.report(samples)
            assert server.log == OUTPUT + SAMPLE
        await sending
        assert (server.log, server.requests) == (OUTPUT + SAMPLE + OUTPUT, 3)
        append(OUTPUT)
        server.gate.clear()
        sending = asyncio.create_task(shipping.send(samples_too=False))
        await asyncio.sleep(0)
        assert shipping.samples() is None
        server.gate.set()
        await sending

    tell(story)


def test_who_is_cancelled_leaves_it_to_its_end(tell: Callable[[Story], None]) -> None:
    async def story(shipping: LogUpload, server: PlayedServer, append: Callable[[bytes], None]) -> None:
        append(OUTPUT)
        server.asked.clear()
        server.gate.clear()
        sending = asyncio.create_task(shipping.send(samples_too=False))
        await server.asked.wait()
        sending.cancel()
        append(OUTPUT)
        server.gate.set()
        await shipping.send(samples_too=True)
        assert (server.log, server.requests) == (OUTPUT * 3, 4)  # one each, beside the question in the beginning

    tell(story)


def test_a_report_without_an_answer_changes_nothing(tell: Callable[[Story], None]) -> None:
    async def story(shipping: LogUpload, server: PlayedServer, append: Callable[[bytes], None]) -> None:
        async def report() -> None:
            async with Samples([shipping]) as samples:
                server.log += b"".join(piece.lines.encode() for piece in samples)
                raise ConnectionError

        append(SAMPLE)
        with pytest.raises(ConnectionError):
            await report()
        append(OUTPUT)
        await shipping.send(samples_too=False)  # told what the server has, it goes on from there
        assert server.log == OUTPUT + SAMPLE + OUTPUT

    tell(story)


def test_checkpoints_after_a_very_long_line_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_upload, "_READ_BYTES", 500)
    folder = Home(tmp_path).attempt("r1", 1)
    folder.path.mkdir(parents=True)
    long, told = encode_line(Output(stream="stdout", text="x" * 1200)), encode_line(Checkpoint(path="ck.pt"))
    folder.events.write_bytes(OUTPUT + long[:700])  # it is still being written
    upload = checkpoint_upload.CheckpointUpload(None, folder, None, Hurry(), 1.0)  # type: ignore[arg-type]
    upload._look()
    with folder.events.open("ab") as file:
        file.write(long[700:] + told)
    upload._look()
    assert upload.behind() == ["ck.pt"]
