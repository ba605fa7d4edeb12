from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.events import Meta, Metric, Output, Progress
from gpurun_jupyter.progress import Decoder

PIECES = [
    "abc",
    "é█",
    " ",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\r\r\n",
    "\x1b[A",
    "\x1b[2A",
    "\x1b[K",
    "\x1b[32m",
    "          ",
    "[PROGRESS:",
    "[PROGRESS:60:half]",
    "[PROGRESS:3/10:x]",
    "[PROGRESS:700]",
    "[",
    "]",
    "\r 50%|###   | 5/10 [00:01<00:01,  5.00it/s]",
    "\rtrain 1:  50%|###   | 5/10 [00:01<00:01,  5.00it/s, loss=0.5]",
    "\rtrain 1: 100%|######| 10/10 [00:02<00:00,  5.00it/s, loss=[1], acc=2]",
    "\n\rinner 3:  20%|#     | 1/5 [00:01<00:01,  5.00s/it]\x1b[A",
    "\rstream: 4it [00:00, 33.16it/s]",
    "\rhand made 5",
    "\b",
    "\b\b\b\b\r",
    "\x1b[2K",
    "\x1b[1A\x1b[2K",
    "\x1b[?25l",
    "\x1b[?25h",
    "\x1b]9;4;1;50\x07",
    "\x1b]9;4;3;\x1b\\",
    "\x1b]9;done\x07",
    "\r\x1b[2Ktrain \x1b[91m━━━━━━━━━━\x1b[0m \x1b[35m 20%\x1b[0m \x1b[36m0:00:01\x1b[0m",
    "\nEpoch 1/4 ━━━━━━━━━━ 27/30 0:00:01 • 0:00:01 22.64it/s loss: 0.7 acc: \n                    0.9",
    "\r\x1b[1m 3/44\x1b[0m \x1b[32m━\x1b[0m\x1b[37m━━━\x1b[0m \x1b[1m2s\x1b[0m 62ms/step - accuracy: 0.05 - loss: 2.37",
    "\r\x1b[K      3/5       0G     1.128     1.07    0.53   …\x1b[0m: 25% ━━━───────── 2/8 2.9it/s 0.5s<2.0s",
    "\n      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n",
    "\n             all         16         16      0.811      0.750      0.826      0.512\n",
    "Epoch 2/5",
    "epoch [2/5], step [3/9], loss: 0.1",
    "epochs=7",
    "{'loss': '0.6933', 'epoch': '1.25'}",
    '{"step": 12, "loss": 0.1}\n',
    'VTM_PROGRESS::{"current": 3, "total": 9, "loss": 0.5}',
    'VTM_RUN_META::{"mlflow_run_id": "ab12"}\n',
    "VTM_PROGRESS::",
]
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
FOLDED = ("\r", "[PROGRESS:", "VTM_", "\x1b[?25", "\x1b]9;4;")
plain = st.text().filter(lambda text: not any(folded in text for folded in FOLDED))


def decode(pieces: list[str]) -> tuple[str, dict[str, Progress], list[Metric | Meta]]:
    decoder = Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece, "stdout")] + decoder.flush()
    text = "".join(event.text for event in events if isinstance(event, Output))
    bars = {event.id: event for event in events if isinstance(event, Progress)}
    return text, bars, [event for event in events if isinstance(event, Metric | Meta)]


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


@given(st.lists(plain, max_size=5))
def test_text_without_markers_and_carriage_returns_comes_out_as_it_is(pieces: list[str]) -> None:
    if not any(folded in "".join(pieces) for folded in FOLDED):
        assert decode(pieces) == ("".join(pieces), {}, [])


@given(texts, st.lists(st.integers(0, 10_000), max_size=6))
def test_how_the_text_is_cut_makes_no_difference(text: str, places: list[int]) -> None:
    assert decode(cut(text, places)) == decode([text])


@given(texts)
def test_one_character_at_a_time_makes_no_difference(text: str) -> None:
    assert decode(list(text)) == decode([text])


@given(texts, texts, st.lists(st.integers(0, 10_000), max_size=6))
def test_the_streams_do_not_mix(out: str, err: str, places: list[int]) -> None:
    decoder = Decoder()
    events = []
    for piece in cut(out, places):
        events += decoder.feed(piece, "stdout") + decoder.feed(err[:7], "stderr")
        err = err[7:]
    events += decoder.flush()
    printed = "".join(event.text for event in events if isinstance(event, Output) and event.stream == "stdout")
    assert printed == decode([out])[0]


def test_plain_text_is_not_held_back() -> None:
    decoder = Decoder()
    for piece in ["Continue? ", "y\n", "\x1b[31mred", "a [b", "] 50%|"]:
        assert decoder.feed(piece, "stdout") == [Output(stream="stdout", text=piece)]


def test_line_ends_of_a_terminal_become_newlines() -> None:
    assert decode(["one\r\ntwo\r", "\n", "three\r\r\n"])[0] == "one\ntwo\nthree\n"


def test_a_redrawn_line_that_is_no_bar_stays_as_it_is() -> None:
    assert decode(["load 1%\rload 2%\rload 3%\n"])[0] == "load 1%\rload 2%\rload 3%\n"


def test_a_redrawn_line_without_an_end_is_given_out_when_the_run_is_quiet() -> None:
    decoder = Decoder()
    assert decoder.feed("\rwaiting", "stdout") == []
    assert decoder.idle() == [Output(stream="stdout", text="waiting")]
    assert decoder.feed(" for data\n", "stdout") == [Output(stream="stdout", text=" for data\n")]
    assert decoder.flush() == []


def test_what_is_held_is_bounded() -> None:
    decoder = Decoder()
    given_out = decoder.feed("\r" + "x" * 50_000, "stdout")
    assert sum(len(event.text) for event in given_out if isinstance(event, Output)) > 40_000
    assert decode(["\r" + "x" * 50_000])[0] == "x" * 50_000
    assert decode(["[PROGRESS:6" + "0" * 50_000])[0] == "[PROGRESS:6" + "0" * 50_000
