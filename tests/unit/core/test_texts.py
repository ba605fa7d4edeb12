"""The text of a log, and what an executed notebook keeps of displays."""

from __future__ import annotations

import msgspec

from gpurun_jupyter.core.events import Display, Error, Output, Result, encode_line
from gpurun_jupyter.core.notebooks import outputs_of
from gpurun_jupyter.core.texts import Texts
from gpurun_server.store.folders.logs import Before, printed_text


def shown(text: str | None, name: str | None = None, update: bool = False, **more: str) -> Display:
    return Display(data={**({} if text is None else {"text/plain": text}), **more}, display_id=name, update=update)


BAR = [
    shown(None, "bar", html="1/3"),
    Output(stream="stdout", text="in between\n"),
    shown(None, "bar", update=True, html="2/3"),
    shown("3/3", "bar", update=True, html="3/3"),
    Output(stream="stdout", text="after\n"),
    shown("3/3, and more", "bar", update=True, html="3/3"),
]
COUNTER = [
    shown("0", "n"),
    Output(stream="stdout", text="x\n"),
    *(shown(str(n), "n", update=True) for n in range(5001)),
]


class Log:
    """Lines in chunks, as a log is read."""

    def __init__(self, *events: object) -> None:
        lines = [encode_line(event).rstrip() for event in events]
        self.chunks = tuple(lines[start : start + 2] for start in range(0, len(lines), 2))
        self.at = 0

    def read(self) -> list[bytes]:
        self.at += 1
        return self.chunks[self.at - 1] if self.at <= len(self.chunks) else []


def test_a_display_says_its_text_once_when_it_has_one() -> None:
    texts = Texts()
    assert "".join(texts.of(event) for event in BAR) == "in between\n3/3\nafter\n"
    texts = Texts()
    assert "".join(texts.of(event) for event in COUNTER) == "0\nx\n"


def test_others_say_theirs() -> None:
    events = [
        shown("a"),
        shown("a"),
        Result(data={"text/plain": "b\n"}),
        Error(name="E", value="", traceback=["c", "d"]),
    ]
    texts = Texts()
    assert "".join(texts.of(event) for event in [*events, None, shown(None)]) == "a\na\nb\nc\nd\n"


def test_a_display_of_the_same_id_is_another() -> None:
    texts = Texts()
    assert [texts.of(shown(text, "d")) for text in ("a", "b")] == ["a\n", "b\n"]


def test_a_log_that_is_read_whole_tells_what_displays_came_to() -> None:
    assert "".join(printed_text(Log(*BAR))) == "in between\n3/3, and more\nafter\n"
    assert "".join(printed_text(Log(*COUNTER))) == "5000\nx\n"
    assert "".join(printed_text(Log(shown("gone", "g"), shown(None, "g", update=True)))) == ""


def test_lines_before_a_place_are_counted_once() -> None:
    before = Before()
    for event in BAR:
        before.take(encode_line(event))
    assert (before.lines, before.shown, before.shown_lines) == (2, 1, 1)
    assert len(before.said) == 1
    assert "lines" in msgspec.to_builtins(before)  # it is a frame's


def test_a_notebook_keeps_no_display_that_was_emptied() -> None:
    assert outputs_of([shown("gone", "g"), shown("stays", "s"), shown(None, "g", update=True)]) == [
        {"output_type": "display_data", "data": {"text/plain": "stays"}, "metadata": {}}
    ]
