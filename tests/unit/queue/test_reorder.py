"""The order of one's own waiting runs, moved by changing priorities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import WrongState
from gpurun_server.queue.lifecycle.reorder import Place, reordered

PRIORITIES = st.lists(st.integers(-2, 2), min_size=1, max_size=8)


def queue_of(*priorities: int) -> list[Place]:
    return in_order([Place(f"r{seq}", priority, seq) for seq, priority in enumerate(priorities)])


def in_order(places: list[Place]) -> list[Place]:
    return sorted(places, key=lambda place: (-place.priority, place.seq))


@given(priorities=PRIORITIES, data=st.data())
def test_the_order_is_the_one_that_was_asked_for(priorities: list[int], data: st.DataObject) -> None:
    queue = queue_of(*priorities)
    ids = [place.id for place in queue]
    moved = data.draw(st.sampled_from(ids))
    following = data.draw(st.sampled_from([*ids, None]))
    changes = reordered(queue, moved, following)

    asked = list(ids)
    if moved != following:
        asked.remove(moved)
        asked.insert(len(asked) if following is None else asked.index(following), moved)
    after = in_order([place._replace(priority=changes.get(place.id, place.priority)) for place in queue])
    assert [place.id for place in after] == asked
    assert all(changes[place.id] != place.priority for place in queue if place.id in changes)


@pytest.mark.parametrize(
    ("priorities", "moved", "following", "changes"),
    [
        ((0, 0, 0), "r2", "r0", {"r2": 1}),  # to the front
        ((0, 0, 0), "r0", None, {"r0": -1}),  # to the end
        ((0, 0, 0), "r1", "r2", {}),  # where it is
        ((0, 0, 0, 0, 0), "r4", "r1", {"r4": 1, "r0": 1}),  # fewer are raised than would be lowered
        ((0, 0, 0, 0, 0), "r0", "r4", {"r0": -1, "r4": -1}),  # fewer are lowered than would be raised
        ((5, 0, 0), "r2", "r1", {"r2": 1}),
        ((5, 0), "r1", "r0", {"r1": 6}),
        ((1000, 0), "r1", "r0", {"r0": -1}),  # there is nothing above 1000
    ],
)
def test_few_priorities_change(
    priorities: tuple[int, ...], moved: str, following: str | None, changes: dict[str, int]
) -> None:
    assert reordered(queue_of(*priorities), moved, following) == changes


def test_the_bounds_of_priorities_are_kept() -> None:
    assert reordered(queue_of(1000, 1000), "r1", "r0") == {"r0": 999}
    full = [Place(f"r{place}", 1000 - place, -place) for place in range(2001)]
    with pytest.raises(WrongState, match="no room"):
        reordered([*full, Place("last", -1000, 1)], "last", "r0")
