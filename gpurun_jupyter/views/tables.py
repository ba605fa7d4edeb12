"""Small tables of text, as verbs show them, and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

FONT = "font-family: var(--jp-ui-font-family, system-ui, sans-serif)"
_CELL = "text-align: left; padding: 1px 16px 1px 0; white-space: nowrap"


class Table(NamedTuple):
    """Rows of text under a title; `empty` is said where there are none."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    empty: str


def table_html(table: Table) -> str:
    """A small table with its title."""
    title = f"<b>{escape(table.title)}</b>" if table.title else ""
    if not table.rows:
        return f'<div style="{FONT}">{title} {escape(table.empty)}</div>'
    head = _row("th", table.columns) if any(table.columns) else ""
    body = "".join(_row("td", row) for row in table.rows)
    return f'<div style="{FONT}">{title}<table>{head}{body}</table></div>'


def _row(tag: str, cells: tuple[str, ...]) -> str:
    inside = "".join(f'<{tag} style="{_CELL}">{escape(cell)}</{tag}>' for cell in cells)
    return f"<tr>{inside}</tr>"
