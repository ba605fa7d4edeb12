from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.client_fake import FakeServer, ended

from gpurun_jupyter.client.stream import EventsFrame, Live, Reconnecting, RunFrame, lines, messages
from gpurun_jupyter.core.errors import RunNotFound
from gpurun_jupyter.core.events import Cursor, Output, encode_line


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(st.text(), min_size=1), st.lists(st.integers(0, 500)))
def test_messages_do_not_depend_on_where_the_body_is_cut(texts: list[str], places: list[int]) -> None:
    data = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    body = "".join(f": beat\nid: 1:{number}\nevent: x\ndata: {one}\n\n" for number, one in enumerate(data))
    found = list(messages(cut(body.encode(), places)))
    assert [message.data for message in found] == data
    assert [message.id for message in found] == [f"1:{number}" for number in range(len(data))]


def test_a_torn_last_message_is_dropped() -> None:
    assert [message.data for message in messages([b"data: a\r\n\r\ndata: b\n"])] == ["a"]


def test_lines_are_cut_at_newlines_only() -> None:
    assert list(lines(["a\u2028b\x85c\n".encode(), b"d"])) == ["a\u2028b\x85c".encode()]


@pytest.mark.parametrize("cuts", [0, 1, 2])
def test_following_resumes_where_the_connection_broke(cuts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpurun_jupyter.client.stream._FIRST_PAUSE_S", 0.0)
    server = FakeServer(events=[Output(stream="stdout", text=f"{number}\n") for number in range(4)], cuts=cuts)
    with Live(server.connection, run_id="k3f9x2ab") as live:
        frames = list(live.frames())
    texts = [event.text for frame in frames if isinstance(frame, EventsFrame) for event in frame.known()]
    assert texts == ["0\n", "1\n", "2\n", "3\n"]
    assert isinstance(frames[-1], RunFrame)
    assert sum(isinstance(frame, Reconnecting) for frame in frames) == cuts


def test_a_damaged_frame_is_passed_over() -> None:
    server = FakeServer()
    whole = server._stream
    server._stream = lambda request: b"data: {half a fra\n\n" + whole(request)  # type: ignore[method-assign]
    with Live(server.connection, run_id="k3f9x2ab") as live:
        assert isinstance([*itertools.takewhile(lambda frame: frame is not None, live.frames(5.0))][-1], RunFrame)


def test_a_refusal_is_raised() -> None:
    server = FakeServer()
    error = {"type": "error", "run": "x", "error": {"code": "run_not_found", "message": "There is no run 'x'."}}
    server._stream = lambda _: b"data: " + json.dumps(error).encode() + b"\n\n"  # type: ignore[method-assign]
    with Live(server.connection, run_id="x") as live, pytest.raises(RunNotFound, match="no run 'x'"):
        list(live.frames())


def test_events_know_their_places_and_pass_over_new_kinds() -> None:
    first, last = encode_line(Output(stream="stdout", text="é")), encode_line(Output(stream="stdout", text="b"))
    new = b'{"kind":"hologram"}\n'
    end = Cursor(2, len(first + new + last))
    raw = b'{"type":"events","run":"x","cursor":"%s","events":[%s]}' % (
        str(end).encode(),
        b",".join([first, new, last]),
    )
    from gpurun_jupyter.client.stream import _decoded

    frame = _decoded(raw.decode())
    assert isinstance(frame, EventsFrame)
    assert [place for place, _ in frame.placed(Cursor(1, 77))] == [Cursor(2, len(first)), end]


def test_events_of_a_run_have_the_same_places_read_or_followed() -> None:
    events = [Output(stream="stdout", text=f"{number}") for number in range(3)]
    server = FakeServer(end=ended(), events=events)
    run = server.client.get("last")
    assert list(run.events()) == list(run.events(follow=True))
    assert [place.offset for place, _ in run.events()][-1] == sum(len(encode_line(event)) for event in events)
