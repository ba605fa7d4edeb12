"""The language of conditions: `acc > 0.9 and (lr = 0.1 or lr = 0.01) and not name ~ test`.

A comparison is a name, an operator and a value, or `name in (a, b)`. `not` binds more tightly than `and`, and that more
than `or`. Names and values with blanks or signs in them stand in quotes. What a name means is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gpurun_jupyter.core.errors import InvalidRequest

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "~", "!~", "in")
HINT = "Write for example: acc > 0.9 and lr = 0.1 and state = failed and name ~ digits."

_SAME = {"==": "=", "<>": "!="}
_WORDS = ("and", "or", "not", "in")
_LONGEST, _DEEPEST = 8_000, 50  # levels: the parser calls itself for each
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
      | (?P<sign>!=|<>|<=|>=|==|!~|[=<>~(),])
      | (?P<word>[^\s"'`()=<>~!,]+)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A piece of a condition; `place` counts characters from 1. `kind`: quoted, sign, word or end."""

    kind: str
    text: str
    place: int

    @property
    def told(self) -> str:
        """What it is called in a sentence."""
        return "the end" if self.kind == "end" else f'"{self.text}"'

    def says(self, word: str) -> bool:
        """Whether it is this sign or word, in whatever case; not where it stands in quotes."""
        return self.kind in ("sign", "word") and self.text.lower() == word


@dataclass(frozen=True)
class Comparison:
    """`name operator values`: one value, or several after `in`."""

    name: Token
    operator: str
    values: tuple[Token, ...]


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: Condition


@dataclass(frozen=True)
class Every:
    """All of these."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Either:
    """At least one of these."""

    parts: tuple[Condition, ...]


Condition = Comparison | Not | Every | Either


def refuse(token: Token, problem: str, hint: str = HINT) -> InvalidRequest:
    """The error for what is wrong at a place."""
    end = "" if problem.endswith("?") else "."
    return InvalidRequest(f"At character {token.place} of the condition: {problem}{end}", hint)


def parse(text: str) -> Condition:
    """The condition that a text means. Raises InvalidRequest, which says where it is wrong and what may stand there."""
    if len(text) > _LONGEST:
        raise InvalidRequest(f"The condition is longer than {_LONGEST:,} characters.", "Use several tags or projects.")
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[Token]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise _unreadable(text, at)
        kind = found.lastgroup or ""
        piece = found[kind]
        tokens.append(
            Token(kind, _unquoted(piece) if kind == "quoted" else _SAME.get(piece, piece), found.start(kind) + 1)
        )
        at = found.end()
    return [*tokens, Token("end", "", end + 1)]


def _unreadable(text: str, at: int) -> InvalidRequest:
    place = at + len(text[at:]) - len(text[at:].lstrip())
    token = Token("sign", text[place], place + 1)
    if text[place] in "\"'`":
        return refuse(token, f"the quote {text[place]} is not closed", f"Close it with another {text[place]}.")
    return refuse(
        token, f"{token.told} alone is no operator", f"Operators are {', '.join(OPERATORS)}; write not ( ... )."
    )


def _unquoted(piece: str) -> str:
    return piece[1:-1] if piece[0] == "`" else re.sub(r"\\(.)", r"\1", piece[1:-1])


def _is_free(token: Token) -> bool:
    """Whether it may be a name or a value: words of the language have to be in quotes."""
    return token.kind == "quoted" or (token.kind == "word" and token.text.lower() not in _WORDS)


class _Parser:
    """Recursive descent; `_at` is the next token."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Condition:
        found = self._either()
        if self._next.kind != "end":
            raise refuse(self._next, f'expected "and", "or" or the end, not {self._next.told}')
        return found

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _take_if(self, word: str) -> bool:
        if self._next.says(word):
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take_if(word):
            raise refuse(self._next, f'expected "{word}", not {self._next.told}')

    def _either(self) -> Condition:
        parts = self._separated("or", self._every)
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _every(self) -> Condition:
        parts = self._separated("and", self._one)
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _separated(self, word: str, part: Callable[[], Condition]) -> list[Condition]:
        parts = [part()]
        while self._take_if(word):
            parts.append(part())
        return parts

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise refuse(self._next, f"more than {_DEEPEST} parentheses within one another")
        try:
            if self._take_if("not"):
                return Not(self._one())
            if self._take_if("("):
                inner = self._either()
                self._expect(")")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Comparison:
        name = self._take()
        if not _is_free(name):
            raise refuse(name, f'expected the name of a metric, a parameter or a column, "not" or "(", not {name.told}')
        operator = self._take()
        if not any(operator.says(known) for known in OPERATORS):
            raise refuse(
                operator, f'expected an operator after "{name.text}" ({" ".join(OPERATORS)}), not {operator.told}'
            )
        if operator.says("in"):
            return Comparison(name, "in", self._several())
        return Comparison(name, operator.text, (self._value(f'"{operator.text}"'),))

    def _several(self) -> tuple[Token, ...]:
        self._expect("(")
        values = [self._value('"("')]
        while self._take_if(","):
            values.append(self._value('","'))
        self._expect(")")
        return tuple(values)

    def _value(self, before: str) -> Token:
        value = self._take()
        if not _is_free(value):
            raise refuse(value, f"expected a value after {before}, not {value.told}")
        return value
