"""Lists of runs as the client asks for them: filtered, sorted, page by page or as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from gpurun_jupyter.client.http import Connection, Params
from gpurun_jupyter.core.runs import Run

if TYPE_CHECKING:
    from gpurun_jupyter.core.lifecycle import Outcome, State

_PAGE = 1000


class Search(TypedDict, total=False):
    """Which runs, and in which order.

    `where` is a condition, `acc > 0.9 and lr = 0.1`; `q` is looked for in names, ids, tags and messages; `after` and
    `before` are dates; `sort` is a column, metric or parameter, with `-` before it from the highest down. `parent` is
    the id of the run whose code logs them.
    """

    project: str | None
    state: State | str | None
    outcome: Outcome | str | None
    owner: str | None
    parent: str | None
    q: str | None
    where: str | None
    after: str | None
    before: str | None
    sort: str | None


class _Page(msgspec.Struct):
    runs: list[Run]
    next: int | str | None = None


def pages(connection: Connection, search: Mapping[str, Any], limit: int) -> Iterator[Run]:
    """At most `limit` runs, however many pages these are."""
    asked = _asked(search)
    place: Params = []
    seen = 0
    while seen < limit:
        page = connection.get("runs", _Page, [*asked, ("limit", min(limit - seen, _PAGE)), *place])
        yield from page.runs
        seen += len(page.runs)
        if not page.runs or (page.next is None and not search.get("sort")):
            return
        place = [("offset", seen)] if search.get("sort") else [("cursor", page.next)]  # other orders have no cursor


def csv(connection: Connection, search: Mapping[str, Any], columns: Sequence[str]) -> Iterator[str]:
    """The list as CSV, piece by piece."""
    asked: Params = [*_asked(search), *([("columns", ",".join(columns))] if columns else [])]
    with connection.stream("runs.csv", asked, "text/csv") as response:
        yield from response.iter_text()


def _asked(search: Mapping[str, Any]) -> Params:
    return [(name, getattr(value, "value", value)) for name, value in search.items() if value]
