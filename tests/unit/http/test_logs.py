"""The last lines of what a run printed."""

from __future__ import annotations

import pytest

from gpurun_server.http.runs.logs import _last_lines


@pytest.mark.parametrize(("count", "last"), [(0, ""), (1, "end"), (2, "10%\r20%\u2028\fdone\nend"), (9, None)])
def test_a_line_ends_at_a_newline_and_at_nothing_else(count: int, last: str | None) -> None:
    pieces = ["first\n10%\r", "20%\u2028", "\fdone\n", "end"]
    assert _last_lines(iter(pieces), count) == ("".join(pieces) if last is None else last)
