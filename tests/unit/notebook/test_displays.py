"""A run's displays in the cell that waits for it: where each one stands after updates and clearing."""

from __future__ import annotations

from typing import Any

import pytest
from unit.client_fake import run_record

from gpurun_jupyter.core.events import Clear, Display, Output
from gpurun_jupyter.notebook.displays import CellDisplays
from gpurun_jupyter.views.feed import WidgetFeed


class Cell:
    """A cell's output as a front end keeps it: by display id, in order."""

    def __init__(self) -> None:
        self.outputs: dict[str, str] = {}

    def publish(self, data: dict[str, Any], metadata: dict[str, Any], transient: dict[str, str], update: bool) -> None:
        assert update == (transient["display_id"] in self.outputs)
        self.outputs[transient["display_id"]] = data["text/plain"]

    @property
    def seen(self) -> list[str]:
        return [text for text in self.outputs.values() if text]


@pytest.fixture
def cell() -> Cell:
    return Cell()


@pytest.fixture
def displays(cell: Cell) -> CellDisplays:
    return CellDisplays(cell, "view")


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
    assert cell.seen == []
    displays.show(shown("c"))
    assert cell.seen == ["c"]
    assert len(cell.outputs) == 2


def test_clearing_with_the_next_output(cell: Cell, displays: CellDisplays) -> None:
    for text in ("a", "b"):
        displays.show(shown(text))
    displays.clear(wait=True)
    assert cell.seen == ["a", "b"]
    displays.show(shown("c"))
    assert cell.seen == ["c"]
    displays.clear(wait=True)
    displays.printed()
    displays.printed()
    assert cell.seen == []


def test_what_was_cleared_is_updated_no_more(cell: Cell, displays: CellDisplays) -> None:
    displays.show(shown("a", "d"))
    displays.clear(wait=False)
    displays.show(shown("b"))
    displays.show(shown("ghost", "d", update=True))
    assert cell.seen == ["b"]


def test_the_text_of_the_view_is_cleared_as_displays_are() -> None:
    feed = WidgetFeed(run_record(), None)
    texts = []
    for event in (
        Output(stream="stdout", text="a\n"),
        Clear(wait=True),
        shown("an update clears nothing", "d", update=True),
        Output(stream="stdout", text="b\n"),
        Clear(wait=True),
        shown("c"),
        Output(stream="stdout", text="d\n"),
        Clear(wait=False),
    ):
        feed.event(event)
        texts.append(feed.tail.text)
    assert texts == ["a\n", "a\n", "a\n", "b\n", "b\n", "", "d\n", ""]
