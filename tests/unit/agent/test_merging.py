"""What is printed and what is sent, put together in the order of their making, whichever comes first."""

from __future__ import annotations

import asyncio
import os

from hypothesis import given, settings
from hypothesis import strategies as st

from gpurun_jupyter.agent.kernels.merging import Output
from gpurun_jupyter.agent.kernels.output_pipe import Frames, PipeReader, Text, make_pipe

FRAMES = Frames.of("fedcba9876543210")


class Kernel:
    """Both ends of an `Output`."""

    def __init__(self) -> None:
        reading, self.pipe = make_pipe()
        self.told: list[str] = []
        self.output = Output(PipeReader(reading, FRAMES), self._tell)
        self.output.open()
        self.number = 0

    def _tell(self, part: Text | list[bytes]) -> None:
        self.told.append(part.text if isinstance(part, Text) else part[0].decode())

    def say(self, text: str) -> None:
        os.write(self.pipe, text.encode())

    def mark(self) -> int:
        self.number += 1
        os.write(self.pipe, FRAMES.frame(str(self.number)))
        return self.number

    def arrive(self, number: int) -> None:
        self.output.arrived(number, [f"<{number}>".encode()])

    def close(self) -> None:
        self.output.close()
        os.close(self.pipe)


@given(st.lists(st.sampled_from(["print", "send"]), max_size=12), st.lists(st.integers(0, 12), max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_order_is_that_of_the_kernel(acts: list[str], delays: list[int]) -> None:
    """Messages come in their own order, each some time after its mark."""

    async def check() -> None:
        kernel = Kernel()
        expected, on_the_way = [], []
        for at, act in enumerate(acts):
            if act == "print":
                kernel.say(f"[{at}]")
                expected.append(f"[{at}]")
            else:
                number = kernel.mark()
                expected.append(f"<{number}>")
                on_the_way.append((number, at + (delays[at] if at < len(delays) else 0)))
            while on_the_way and on_the_way[0][1] <= at:
                kernel.arrive(on_the_way.pop(0)[0])
            await asyncio.sleep(0)
        for number, _ in on_the_way:
            kernel.arrive(number)
        await kernel.output.last_words()
        assert "".join(kernel.told) == "".join(expected)
        kernel.close()

    asyncio.run(check())


def test_a_message_whose_mark_an_interrupt_took_away_is_passed_on() -> None:
    async def check() -> None:
        kernel = Kernel()
        kernel.say("one")
        kernel.arrive(1)
        assert kernel.told == ["one", "<1>"]
        kernel.close()

    asyncio.run(check())


def test_a_mark_whose_message_never_comes_holds_nothing_up() -> None:
    async def check() -> None:
        kernel = Kernel()
        kernel.mark()
        kernel.say("one")
        kernel.mark()
        kernel.arrive(2)
        assert kernel.told == ["one", "<2>"]
        kernel.mark()
        kernel.say("last words")
        await kernel.output.last_words()
        assert kernel.told[-1] == "last words"
        kernel.close()

    asyncio.run(check())


def test_children_may_go_on_after_their_kernel() -> None:
    async def check() -> None:
        kernel = Kernel()
        await kernel.output.last_words()
        kernel.say("a child")
        kernel.output.close()
        assert kernel.told == ["a child"]
        os.close(kernel.pipe)

    asyncio.run(check())
