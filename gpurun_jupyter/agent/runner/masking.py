"""Secret values are taken out of what a run says, as far as they can be told: also where one comes in two pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from gpurun_jupyter.core.events import Cell, Child, Display, Error, Event, Meta, Parameters, Progress, Result
from gpurun_jupyter.core.secrets import MASK

#: Shorter texts are everywhere.
SHORTEST = 4

_WITH_TEXT = (Cell, Display, Error, Meta, Parameters, Progress, Result)
_TEXTUAL = re.compile(r"text/|.*(json|xml|javascript)$")


class Masking:
    """The values that an attempt's log does not tell. Without any it changes nothing."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = frozenset(values)
        forms = {form for value in self.values for form in _forms(value) if len(form) >= SHORTEST}
        # of two that begin alike the longer one is found
        self.forms = sorted(forms, key=lambda form: (-len(form), form))
        self._found = re.compile("|".join(map(re.escape, self.forms)))

    def __bool__(self) -> bool:
        return bool(self.forms)

    def text(self, text: str) -> str:
        """A text that is whole, without them."""
        return self._found.sub(MASK, text) if self._has_some(text) else text

    def file(self, path: Path) -> None:
        """A file that others may have written to: what kernels and their children say apart from their messages."""
        if self.forms:
            with path.open("r+b") as file:  # in place: this process itself goes on to write there
                said = file.read().decode(errors="surrogateescape")
                if (masked := self.text(said)) != said:
                    file.seek(0)
                    file.truncate()
                    file.write(masked.encode(errors="surrogateescape"))

    def event(self, event: Event) -> Event:
        """An event without them; what is told by bytes or by numbers is left."""
        if self.forms and isinstance(event, Child):
            return msgspec.structs.replace(
                event, event=self.event(event.event), name=self.text(event.name or "") or None
            )
        if not self.forms or not isinstance(event, _WITH_TEXT):
            return event
        if isinstance(event, Progress) and not self._has_some(f"{event.id}\n{event.parent}\n{event.label}\n{event.by}"):
            return event  # they come often, and to make one anew takes ten times as long
        # its kind is put back: some secret may be that word
        return msgspec.convert({**self._masked(msgspec.to_builtins(event)), "kind": _kind(event)}, type(event))

    def first(self, text: str, start: int) -> tuple[int, int] | None:
        """Where the first one stands, from `start` on."""
        found = self._found.search(text, start) if self._has_some(text) else None
        return found and found.span()

    def _has_some(self, text: str) -> bool:
        """Whether there is anything to look for: ten times as quick as the expression, and mostly there is not."""
        return any(form in text for form in self.forms)

    def _masked(self, value: Any, mime: str = "text/") -> Any:
        if isinstance(value, str):
            return self.text(value) if _TEXTUAL.match(mime) else value
        if isinstance(value, list):
            return [self._masked(one, mime) for one in value]
        if isinstance(value, dict):
            return {key: self._masked(one, key if "/" in key else mime) for key, one in value.items()}
        return value


class MaskedStream:
    """A text that comes in pieces: what may be the beginning of a secret is held back until it is known."""

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._first = {form[0] for form in masking.forms}
        self._longest = max(map(len, masking.forms), default=0)
        self._held = ""
        self._said = 0  # so much of what is held was said already, as nothing came for a while

    def feed(self, text: str) -> str:
        """What can be said now."""
        return self._say(self._held + text)

    def release(self) -> str:
        """What is held back. Should it become a secret after all, the rest of that is not said."""
        return self._say(self._held, all_of_it=True)

    def _say(self, whole: str, *, all_of_it: bool = False) -> str:
        said, start, pieces = self._said, 0, []
        while True:
            end = len(whole) if all_of_it else self._open_from(whole, start)
            found = self._masking.first(whole, start)
            if found is None or found[0] >= end:
                break
            pieces += [whole[max(start, said) : found[0]], MASK]
            start = found[1]
        pieces.append(whole[max(start, said) : end])
        kept = start if all_of_it else end
        self._held, self._said = whole[kept:], max(0, (end if all_of_it else said) - kept)
        return "".join(pieces)

    def _open_from(self, text: str, start: int) -> int:
        """Where the last part begins that may be the beginning of a secret; the text's end where there is none."""
        for place in range(max(start, len(text) - self._longest + 1), len(text)):  # no beginning is as long as a secret
            if text[place] in self._first and any(
                len(form) > len(text) - place and form.startswith(text[place:]) for form in self._masking.forms
            ):
                return place
        return len(text)


def _forms(value: str) -> Iterator[str]:
    """A value as it may be printed: itself, its lines, and as JSON, Python and URLs write it."""
    for text in (value, value.strip(), *(line.strip() for line in value.splitlines())):
        yield from (text, json.dumps(text)[1:-1], repr(text)[1:-1], quote(text, safe=""), quote(text))


def _kind(event: Event) -> str:
    return str(type(event).__struct_config__.tag)
