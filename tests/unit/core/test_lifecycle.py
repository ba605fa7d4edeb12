from __future__ import annotations

import json
import pickle

import msgspec
import pytest

from gpurun_jupyter.core.lifecycle import ACTIVE, TRANSITIONS, Outcome, Reason, State, Word, allowed
from gpurun_server.notices.entries import Occasion


def test_every_state_has_its_row_and_every_state_but_the_first_is_reached() -> None:
    assert set(TRANSITIONS) == set(State)
    assert set().union(*TRANSITIONS.values()) == set(State) - {State.CREATED}


@pytest.mark.parametrize("state", list(State))
def test_finished_is_final_and_in_reach_of_every_other_state(state: State) -> None:
    reached, new = {state}, {state}
    while new := {after for before in new for after in TRANSITIONS[before]} - reached:
        reached |= new
    assert State.FINISHED in reached
    assert not allowed(State.FINISHED, state)


def test_only_active_states_hold_devices() -> None:
    assert ACTIVE.isdisjoint({State.CREATED, State.QUEUED, State.FINISHED})


@pytest.mark.parametrize("word", [*State, *Outcome, *Reason, *Occasion])
def test_a_word_is_shown_as_what_it_is(word: Word) -> None:
    text = word.value
    shown = [str(word), f"{word}", f"{word!s}", "{}".format(word), format(word, ""), "%s" % word]  # noqa: UP031, UP032
    assert shown == [text] * len(shown)
    assert f"{word:>20}" == text.rjust(20)
    assert type(str(word)) is str
    assert repr(word) == f"<{type(word).__name__}.{word.name}: {text!r}>"
    assert json.dumps(word) == msgspec.json.encode(word).decode() == f'"{text}"'
    assert msgspec.convert(text, type(word)) is pickle.loads(pickle.dumps(word)) is word
    assert word == text
