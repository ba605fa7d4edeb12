"""A run's displays in the cell that waits for it: where each one stands after updates and clearing."""

from __future__ import annotations

from typing import Any

import pytest

from gpurun_jupyter.core.events import Display
from gpurun_jupyter.notebook.displays import CellDisplays


class Cell:
    """A cell's output as a front end keeps it: by display id, in order."""

    def __init__(self) -> None:
        self.outputs: dict[str, str] = {}
        self.cleared = 0

    def publish(self, data: dict[str, Any], metadata: dict[str, Any], transient: dict[str, str], update: bool) -> None:
        assert update == (transient["display_id"] in self.outputs)
        self.outputs[transient["display_id"]] = data["text/plain"]

    def clear(self) -> None:
        self.cleared += 1

    @property
    def seen(self) -> list[str]:
        return [text for text in self.outputs.values() if text]


@pytest.fixture
def cell() -> Cell:
    return Cell()


@pytest.fixture
def displays(cell: Cell) -> CellDisplays:
    return CellDisplays(cell, "view", cell.clear)


def shown(text: str, display_id: str | None = None, update: bool = False) -> Display:
    return Display(data={"text/plain": text}, display_id=display_id, update=update)


def test_an_update_replaces_its_own_display(cell: Cell, displays: CellDisplays) -> None:
    for event in (shown("a", "d"), shown("b"), shown("c", "d", update=True), shown("nowhere", "other", update=True)):
        displays.show(event)
    assert cell.seen == ["c", "b"]


def test_clearing_at_once(cell: Cell, displays: CellDisplays) -> None:
    displays.show(shown("a"))
    displays.show(shown("b"))
    displays.clear(wait=False)
    assert (cell.seen, cell.cleared) == ([], 1)
    displays.show(shown("c"))
    assert cell.seen == ["c"]
    assert len(cell.outputs) == 2


def test_clearing_with_the_next_output(cell: Cell, displays: CellDisplays) -> None:
    for text in ("a", "b"):
        displays.show(shown(text))
    displays.clear(wait=True)
    assert (cell.seen, cell.cleared) == (["a", "b"], 0)
    displays.show(shown("c"))
    assert (cell.seen, cell.cleared) == (["c"], 1)
    displays.clear(wait=True)
    displays.printed()
    displays.printed()
    assert (cell.seen, cell.cleared) == ([], 2)


def test_what_was_cleared_is_updated_no_more(cell: Cell, displays: CellDisplays) -> None:
    displays.show(shown("a", "d"))
    displays.clear(wait=False)
    displays.show(shown("b"))
    displays.show(shown("ghost", "d", update=True))
    assert cell.seen == ["b"]
