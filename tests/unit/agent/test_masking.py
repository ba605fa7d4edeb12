"""Secrets are taken out of a text, however it is cut into pieces."""

from __future__ import annotations

import json
from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given

from gpurun_jupyter.agent.runner.masking import MaskedStream, Masking
from gpurun_jupyter.core.events import Artifact, Display, Error, Progress

LETTERS = 'abc\n"é%'
SECRETS = st.lists(st.text(LETTERS, min_size=4, max_size=9), min_size=1, max_size=3)


@st.composite
def _cut_texts(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Secrets, and a text with some of them in it, in pieces."""
    secrets = draw(SECRETS)
    text = "".join(draw(st.lists(st.sampled_from(secrets) | st.text(LETTERS, max_size=6), max_size=8)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return secrets, [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


@given(_cut_texts())
def test_pieces_are_masked_as_the_whole_is(drawn: tuple[list[str], list[str]]) -> None:
    secrets, pieces = drawn
    masking = Masking(secrets)
    stream = MaskedStream(masking)
    said = "".join(stream.feed(piece) for piece in pieces) + stream.release()
    assert said == masking.text("".join(pieces))
    assert not [secret for secret in secrets if secret in said]


@given(_cut_texts(), st.data())
def test_what_was_released_for_quiet_never_becomes_a_whole_secret(
    drawn: tuple[list[str], list[str]], data: st.DataObject
) -> None:
    secrets, pieces = drawn
    stream = MaskedStream(Masking(secrets))
    said = ""
    for piece in pieces:
        said += stream.feed(piece)
        if data.draw(st.booleans()):
            said += stream.release()
    said += stream.release()
    assert not [secret for secret in secrets if secret in said]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_other_texts_pass_as_they_are_and_at_once_up_to_a_beginning(text: str) -> None:
    stream = MaskedStream(Masking(["\x00none\x00"]))
    said = stream.feed(text)
    assert text.startswith(said)
    assert said + stream.release() == text


def test_a_text_that_cannot_become_a_secret_is_not_held_back() -> None:
    stream = MaskedStream(Masking(["hunter2"]))
    assert stream.feed("loss 0.1\nh") == "loss 0.1\n"
    assert stream.feed("ello\n") == "hello\n"
    assert stream.feed("hunter") == ""
    assert stream.release() == "hunter"
    assert stream.feed("2!") == "***!"


def test_a_secret_is_known_as_python_json_and_addresses_write_it_and_by_its_lines() -> None:
    secret = 'pass"wörd/\nsecond line'
    masking = Masking([secret])
    for text in (secret, repr(secret), json.dumps(secret), "pass%22w%C3%B6rd%2F", "only the second line of it"):
        masked = masking.text(text)
        assert "***" in masked
        assert "pass" not in masked
        assert "second line" not in masked


def test_events_are_masked_where_they_are_text() -> None:
    masking = Masking(["s3cret"])
    error = Error(name="E", value="s3cret", traceback=["at s3cret"])
    assert masking.event(error) == Error(name="E", value="***", traceback=["at ***"])
    data = {"text/plain": "s3cret", "application/json": {"a": ["s3cret"]}, "image/png": "AAs3cretAA"}
    masked = masking.event(Display(data=data))
    assert isinstance(masked, Display)
    assert masked.data == {"text/plain": "***", "application/json": {"a": ["***"]}, "image/png": "AAs3cretAA"}
    assert masking.event(Progress(id="a", label="s3cret", done=1)) == Progress(id="a", label="***", done=1)
    artifact = Artifact(digest="s3cret", size=1, path="s3cret")
    assert masking.event(artifact) is artifact


def test_short_values_are_left() -> None:
    masking = Masking(["abc"])
    assert not masking
    assert masking.text("abc") == "abc"
