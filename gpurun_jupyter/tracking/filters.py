"""MLflow's language of searches: `metrics.acc > 0.9 and params.lr = '0.1' and tags.kind LIKE 'a%'`, and its orders.

mlflow.org/docs/latest/ml/search/search-runs has it: comparisons with AND between them, no OR, and no parentheses but
those of lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from gpurun_jupyter.tracking.refusals import Refused

Kind = Literal["attribute", "metric", "param", "tag", "dataset"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}
_OF_NUMBERS = ("=", "!=", "<", "<=", ">", ">=")
_OF_TEXTS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL")
#: Attributes of runs, experiments and versions of models that are numbers; times are milliseconds.
_NUMBERS = (
    *("start_time", "end_time", "creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp"),
    "version_number",
)
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
      | (?P<quoted>`[^`]*`)
      | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<sign>!=|<>|<=|>=|==|[=<>(),])
      | (?P<word>[^\s'"`()=<>!,]+)
    )""",
    re.VERBOSE,
)
_SAME = {"==": "=", "<>": "!="}
_LONGEST = 20_000
_EXAMPLE = "Write for example: metrics.acc > 0.9 and params.lr = '0.1' and attributes.status = 'FINISHED'."


class Comparison(NamedTuple):
    """`kind.key operator values`: one value, several after IN and NOT IN, none after IS NULL and IS NOT NULL."""

    kind: Kind
    key: str
    operator: str
    values: tuple[str | float, ...]


class Order(NamedTuple):
    """What is sorted by."""

    kind: Kind
    key: str
    is_descending: bool


class _Token(NamedTuple):
    kind: str
    text: str


def comparisons(text: str) -> list[Comparison]:
    """What a search asks; all of it has to be fulfilled. Raises Refused."""
    if len(text) > _LONGEST:
        raise Refused(f"The filter is longer than {_LONGEST:,} characters.")
    tokens, found = list(_tokens(text)), list[Comparison]()
    while tokens:
        if found and not _takes(tokens, "and"):
            raise Refused(f"The filter {text!r} has {tokens[0].text!r} where AND should be; there is no OR. {_EXAMPLE}")
        found.append(_comparison(tokens, text))
    return found


def order(text: str) -> Order:
    """What `metrics.acc DESC` means. Raises Refused."""
    tokens = list(_tokens(text))
    if not tokens:
        raise Refused("There is an empty order_by; write for example metrics.acc DESC.")
    kind, key = _identifier(tokens, text)
    direction = tokens.pop(0).text.upper() if tokens else "ASC"
    if direction not in ("ASC", "DESC") or tokens:
        raise Refused(f"The order {text!r} is none; write for example metrics.acc DESC.")
    return Order(kind, key, direction == "DESC")


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise Refused(f"The filter {text!r} cannot be read from {text[at : at + 20]!r} on. {_EXAMPLE}")
        kind = found.lastgroup or ""
        yield _Token(kind, _SAME.get(found[kind], found[kind]))
        at = found.end()


def _comparison(tokens: list[_Token], text: str) -> Comparison:
    kind, key = _identifier(tokens, text)
    operator = _operator(tokens, text)
    if operator.startswith("IS"):
        values: tuple[str | float, ...] = ()
    elif operator.endswith("IN"):
        values = tuple(_list(tokens, text))
    else:
        values = (_value(tokens, text),)
    is_number = kind == "metric" or (kind == "attribute" and key in _NUMBERS)
    allowed = _OF_NUMBERS if is_number else _OF_TEXTS
    if operator not in allowed:
        raise Refused(f"{key!r} is compared with one of {', '.join(allowed)}, not with {operator}. {_EXAMPLE}")
    if is_number:
        values = (_number(values[0], key),)
    elif kind != "attribute" and any(isinstance(value, float) for value in values):
        raise Refused(f"The value of {kind}s.{key} has to be in quotes, as all of them are texts. {_EXAMPLE}")
    return Comparison(kind, key, operator, values)


def _identifier(tokens: list[_Token], text: str) -> tuple[Kind, str]:
    """`metrics.acc`, `tags."a b"`, tags.`a b`, or the name of an attribute alone."""
    first = tokens.pop(0) if tokens else _Token("end", "")
    prefix, dot, key = first.text.partition(".")
    if first.kind == "word" and dot and not key and tokens and tokens[0].kind in ("text", "quoted"):
        key = tokens.pop(0).text[1:-1]
    if first.kind == "word" and prefix.lower() in _KINDS and key:
        return _KINDS[prefix.lower()], key
    if first.kind in ("word", "quoted") and not (first.kind == "word" and dot):
        return "attribute", first.text.strip("`")
    raise Refused(f"{text!r} has {first.text or 'nothing'!r} where a name should be. {_EXAMPLE}")


def _operator(tokens: list[_Token], text: str) -> str:
    for words in (("not", "in"), ("is", "not", "null"), ("is", "null"), ("in",), ("like",), ("ilike",)):
        if [token.text.lower() for token in tokens[: len(words)] if token.kind == "word"] == list(words):
            del tokens[: len(words)]
            return " ".join(words).upper()
    if tokens and tokens[0].text in _OF_NUMBERS:
        return tokens.pop(0).text
    raise Refused(f"{text!r} has {tokens[0].text if tokens else 'its end'!r} where an operator should be. {_EXAMPLE}")


def _list(tokens: list[_Token], text: str) -> Iterator[str | float]:
    if not _takes(tokens, "("):
        raise Refused(f"{text!r}: after IN come values in parentheses. {_EXAMPLE}")
    yield _value(tokens, text)
    while _takes(tokens, ","):
        yield _value(tokens, text)
    if not _takes(tokens, ")"):
        raise Refused(f"{text!r}: the list after IN is not closed. {_EXAMPLE}")


def _value(tokens: list[_Token], text: str) -> str | float:
    token = tokens.pop(0) if tokens else _Token("end", "")
    if token.kind == "number":
        return float(token.text)
    if token.kind == "text":
        quote = token.text[0]
        return re.sub(r"\\(.)", r"\1", token.text[1:-1].replace(quote * 2, quote))
    raise Refused(f"{text!r} has {token.text or 'nothing'!r} where a value should be; texts are in quotes. {_EXAMPLE}")


def _number(value: str | float, key: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise Refused(f"{key!r} is compared with a number, not with {value!r}. {_EXAMPLE}") from None


def _takes(tokens: list[_Token], word: str) -> bool:
    if tokens and tokens[0].kind in ("word", "sign") and tokens[0].text.lower() == word:
        tokens.pop(0)
        return True
    return False
