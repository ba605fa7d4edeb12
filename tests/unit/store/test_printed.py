"""Lines of what was printed: found, and cut out."""

from __future__ import annotations

from gpurun_jupyter.core.events import Display, Event, Output, decode_line, encode_line
from gpurun_server.store.folders.printed import FoundLine, as_shown, events_of_lines, find_lines, some_lines


class Log:
    """A log that gives one event at a time."""

    def __init__(self, *said: str | Event) -> None:
        self._events = [Output(stream="stdout", text=one) if isinstance(one, str) else one for one in said]

    def read(self) -> list[bytes]:
        return [encode_line(self._events.pop(0)).rstrip()] if self._events else []


def test_lines_are_found_over_the_borders_of_events() -> None:
    found = find_lines(Log("one\nTw", "o\nthree two", " times\nfour"), "two", 10)
    assert found.found == [FoundLine(1, "Two"), FoundLine(2, "three two times")]
    assert (found.count, found.lines) == (2, 4)


def test_colours_do_not_hide_a_text_and_are_not_found() -> None:
    log = "\x1b[31mlo\x1b[1mss\x1b[0m 0.5\nother 31m\n"
    assert find_lines(Log(log), "loss", 10).found == [FoundLine(0, "loss 0.5")]
    assert find_lines(Log(log), "31m", 10).found == [FoundLine(1, "other 31m")]


def test_only_the_first_are_told_and_all_are_counted() -> None:
    found = find_lines(Log("x\n" * 100), "x", 3)
    assert [one.line for one in found.found] == [0, 1, 2]
    assert (found.count, found.lines) == (100, 100)


def test_of_a_line_that_was_overwritten_the_last_text_is_shown() -> None:
    assert as_shown("10 %\r50 %\r100 %\r") == "100 %"


def test_lines_are_cut_out_with_their_colours() -> None:
    assert some_lines(Log("a\n\x1b[31mb\x1b[0m\nc", "c\nd\n"), 1, 2) == "\x1b[31mb\x1b[0m\ncc\n"
    assert some_lines(Log("a\n"), 5, 2) == ""


def part(first: int, count: int, *said: str | Event) -> tuple[int, list[str]]:
    begin, lines = events_of_lines(Log(*said), first, count)
    found = [decode_line(line) for line in lines]
    return begin, [one.text if isinstance(one, Output) else one.__class__.__name__ for one in found]


def test_events_are_found_by_the_numbers_of_their_lines() -> None:
    figure = Display(data={"text/plain": "<Figure>", "image/png": "..."})
    said = ("a\nb\n", figure, "c\nd", "e\n", figure, "f\n")  # lines: a, b, <Figure>, c, de, <Figure>, f
    assert part(0, 1, *said) == (0, ["a\nb\n"])
    assert part(2, 1, *said) == (2, ["Display"])
    assert part(3, 1, *said) == (3, ["c\nd"])
    assert part(4, 2, *said) == (3, ["c\nd", "e\n", "Display"])
    assert part(6, 9, *said) == (6, ["f\n"])
    assert part(99, 9, *said) == (7, [])
