from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.views.tail import Tail, last_redraw, plain


@given(st.lists(st.text(alphabet="ab\n", max_size=9)))
def test_a_tail_is_the_last_lines_whatever_came_at_once(pieces: list[str]) -> None:
    tail = Tail(lines=3)
    for piece in pieces:
        tail.add(piece)
    whole = "".join(pieces)
    lines = whole.splitlines(keepends=True)
    assert tail.text == "".join(lines[-3:])
    assert tail.total_lines == len(lines)


def test_a_tail_is_short_in_bytes_too() -> None:
    tail = Tail(size_bytes=100)
    for number in range(1000):
        tail.add(f"é{number}\n")
    assert len(tail.text.encode()) <= 100
    assert tail.text.endswith("é998\né999\n")
    bar = Tail(size_bytes=50)
    bar.add("".join(f"\r{number} %" for number in range(100)))
    assert bar.text == "99 %"


def test_plain_text_is_what_was_seen_at_last() -> None:
    assert plain("\x1b[31mred\x1b[0m \x1b]8;;x\x07link") == "red link"
    assert plain("10 %\r20 %\nab\b\bX\nabc\rX\r\n") == "10 %".replace("1", "2") + "\nX\nXbc\n"
    assert last_redraw("\r1 %\r\x1b[32m2 %\x1b[0m\r") == "\x1b[32m2 %\x1b[0m"
