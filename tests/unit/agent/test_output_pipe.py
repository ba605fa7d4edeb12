"""What goes through a forked kernel's pipe comes out as it was: text of each stream, marks, in order, however cut."""

from __future__ import annotations

import os
from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.agent.kernels.output_pipe import Frames, Mark, PipeReader, Stream, Text, make_pipe

FRAMES = Frames.of("0123456789abcdef")
#: Also texts that look like the beginning of a frame.
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(["\x1b", "\x1b_", "\x1b_0123", "\x1b\\", "é\n", "€"]))
STREAMS = st.sampled_from(["stdout", "stderr", "late"])
PIECES = st.lists(st.one_of(st.builds(Text, STREAMS, TEXTS), st.builds(Mark, st.integers(1, 10**6))), max_size=20)


def encoded(piece: Text | Mark) -> bytes:
    if isinstance(piece, Mark):
        return FRAMES.frame(str(piece.number))
    data = piece.text.encode("utf-8", "replace")
    return data if piece.stream == "stdout" else FRAMES.frame(piece.stream) + data + FRAMES.frame("stdout")


def joined(pieces: list[Text | Mark]) -> list[tuple[Stream | int, str]]:
    """The pieces with neighbours of one stream put together."""
    keyed = [(p.number, "") if isinstance(p, Mark) else (p.stream, p.text) for p in pieces]
    groups = groupby([one for one in keyed if one[1] or isinstance(one[0], int)], key=lambda one: one[0])
    return [(key, "".join(text for _, text in group)) for key, group in groups]


@given(PIECES, st.lists(st.integers(0, 400), max_size=8))
def test_it_comes_out_as_it_went_in(pieces: list[Text | Mark], cuts: list[int]) -> None:
    reading, writing = make_pipe()
    reader = PipeReader(reading, FRAMES)
    data = b"".join(map(encoded, pieces))
    try:
        found: list[Text | Mark] = []
        places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        for begin, end in pairwise(places):
            os.write(writing, data[begin:end])
            found += reader.read() or []
        found += reader.last_words()
    finally:
        reader.close()
        os.close(writing)
    whole = [p if isinstance(p, Mark) else Text(p.stream, p.text.encode("utf-8", "replace").decode()) for p in pieces]
    assert joined(found) == joined(whole)


def test_a_pipe_of_another_process_has_no_frames() -> None:
    reading, writing = make_pipe()
    reader = PipeReader(reading)
    os.write(writing, FRAMES.frame("stderr") + b"\xff")
    assert reader.read() == [Text("stdout", FRAMES.frame("stderr").decode() + "\ufffd")]
    os.close(writing)
    assert reader.read() is None
    assert reader.over
    reader.close()


def test_the_beginning_of_a_frame_that_goes_no_further_is_text() -> None:
    reading, writing = make_pipe()
    reader = PipeReader(reading, FRAMES)
    os.write(writing, b"died in the middle \x1b_0123")
    assert reader.read() == [Text("stdout", "died in the middle ")]
    assert reader.last_words() == [Text("stdout", "\x1b_0123")]
    os.close(writing)
    reader.close()
