from __future__ import annotations

import pytest

from gpurun_jupyter.core.lifecycle import ACTIVE, TRANSITIONS, State, allowed


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
