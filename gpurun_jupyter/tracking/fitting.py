"""Which things fit a filter of MLflow's, where those are few enough to be looked at one by one."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

from gpurun_jupyter.tracking.filters import Comparison, Order, comparisons, order
from gpurun_jupyter.tracking.refusals import Refused

_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Item(NamedTuple):
    """What is known of a thing: its attributes by name, and its tags."""

    attributes: Mapping[str, str | float]
    tags: Mapping[str, str]


T = TypeVar("T")


def fits(value: str | float | None, operator_: str, wanted: Sequence[str | float]) -> bool:
    """Whether a value compares so; one that is not there does not, whatever is asked but IS NULL."""
    if operator_.startswith("IS") or value is None:
        return (value is None) == (operator_ == "IS NULL")
    if isinstance(value, float):
        return _COMPARED[operator_](value, float(wanted[0]))
    if operator_.endswith("LIKE"):
        return _pattern(str(wanted[0]), operator_ == "ILIKE").fullmatch(value) is not None
    is_among = value in map(str, wanted)
    return is_among == (operator_ in ("=", "IN"))


def searched(
    things: Iterable[T], item_of: Callable[[T], Item], filter_: str, orders: Sequence[str], default: Sequence[str]
) -> list[T]:
    """Those that fit a filter, in an order; `default` sorts what is the same in `orders`. Raises Refused."""
    wanted = comparisons(filter_)
    found = [(item_of(thing), thing) for thing in things]
    found = [(item, thing) for item, thing in found if all(_fits(item, one) for one in wanted)]
    for by in map(order, reversed([*orders, *default])):
        found.sort(key=partial(_place, by), reverse=by.is_descending)
    return [thing for _, thing in found]


def _fits(item: Item, one: Comparison) -> bool:
    value = item.tags.get(one.key) if one.kind == "tag" else _attribute(item, one)
    return fits(value, one.operator, one.values)


def _attribute(item: Item, one: Comparison | Order) -> str | float:
    if one.kind != "attribute" or one.key not in item.attributes:
        known = ", ".join(item.attributes)
        raise Refused(f"Nothing here has {one.kind}.{one.key}; there are tags and the attributes {known}.")
    return item.attributes[one.key]


def _place(by: Order, found: tuple[Item, T]) -> Any:
    """What it is sorted by: of one order, all are texts or all are numbers."""
    item = found[0]
    return item.tags.get(by.key, "") if by.kind == "tag" else _attribute(item, by)


@cache
def _pattern(like: str, ignores_case: bool) -> re.Pattern[str]:
    parts = (".*" if part == "%" else "." if part == "_" else re.escape(part) for part in re.split("([%_])", like))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignores_case else 0))
