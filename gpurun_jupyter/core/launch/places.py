"""YAML as plain values, each with the place where it stands: YAML 1.2's core schema, as editors in a browser read it.

YAML 1.1, which PyYAML reads by default, takes the key `on` for true and `1e-3` for a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import msgspec
import yaml

from gpurun_jupyter.core.formats import yaml12

_LONGEST = 2**20  # characters
_MOST_VALUES = 20_000
_DEEPEST = 20

_TOO_LONG = "The file is nested too deep, or too long."
_HALF = "A text holds half of a surrogate pair."

Path: TypeAlias = tuple[str | int, ...]


class Place(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


class Problem(msgspec.Struct, frozen=True, order=True):
    """Something in a launch file that is not right: where, what, and what to do about it."""

    line: int
    column: int
    message: str
    hint: str = ""


class Malformed(Exception):
    """Raised for a text that is no YAML, or no mapping."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass
class Document:
    """A mapping as it was written: keys and values by their path, and of texts and numbers the text itself."""

    value: dict[str, Any] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    sources: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, place: Place, message: str, hint: str = "") -> None:
        """Take one down."""
        self.problems.append(Problem(*place, message, hint))


def read(text: str) -> Document:
    """The text as a document; keys that are written twice or are no texts are its problems. Raises Malformed."""
    if len(text) > _LONGEST:  # PyYAML takes seconds for a megabyte
        raise Malformed(Problem(1, 1, "The file has more than a million characters.", "A launch file is short."))
    try:
        root = yaml.compose(text, Loader=_Loader)  # nodes know their places, values do not
    except yaml.MarkedYAMLError as error:
        raise Malformed(_said(error)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        raise Malformed(Problem(line, column, "The file holds a character that YAML does not allow.")) from error
    except (ValueError, OverflowError) as error:  # of an escape, such as "\\UFFFFFFFF", that is no character
        raise Malformed(Problem(1, 1, f"The file holds something that YAML does not allow: {error}.")) from error
    except RecursionError as error:
        raise Malformed(Problem(1, 1, "The file is nested too deep.", "A launch file is flat.")) from error
    if root is None:
        raise Malformed(Problem(1, 1, "The launch file is empty.", "Say what to run: entry, module, notebook or code."))
    if not isinstance(root, yaml.MappingNode):
        raise Malformed(Problem(*_place(root), "A launch file is a mapping.", "Write lines such as `entry: train.py`."))
    return _Reading().document(root)


class _Loader(yaml12.Loader):
    """Reads no more values than a launch file may have."""

    _composed = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As ever, but a file of too many values is not read to its end, which may take seconds."""
        self._composed += index is not None  # a key has none
        if self._composed > _MOST_VALUES:
            mark = self.peek_event().start_mark
            raise Malformed(Problem(mark.line + 1, mark.column + 1, _TOO_LONG, "Use fewer aliases."))
        return super().compose_node(parent, index)


class _Reading:
    """One walk from the nodes to values; what aliases repeat counts each time, so that a few lines stay a few."""

    def __init__(self) -> None:
        self._document = Document()
        self._count = 0

    def document(self, root: yaml.MappingNode) -> Document:
        value = self._value(root, ())
        assert isinstance(value, dict)
        self._document.value = value
        return self._document

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._count += 1
        if len(path) > _DEEPEST or self._count > _MOST_VALUES:
            raise Malformed(Problem(*_place(node), _TOO_LONG, "Use fewer aliases."))
        self._document.values[path] = _place(node)
        if isinstance(node, yaml.MappingNode):
            return {key: self._value(value, (*path, key)) for key, value in self._entries(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, number)) for number, item in enumerate(node.value)]
        self._document.sources[path] = node.value
        if not _is_text(node.value):
            self._document.problem(_place(node), _HALF, "Write whole characters.")
        return self._scalar(node)

    def _entries(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._document.problem(_place(key), "A key is a text.", "Write NAME: VALUE.")
            elif not _is_text(key.value):
                self._document.problem(_place(key), _HALF, "Write whole characters.")
            elif (there := (*path, key.value)) in self._document.keys:
                first = self._document.keys[there]
                message = f"{key.value!r} is here twice; the first is in line {first.line}."
                self._document.problem(_place(key), message, "Remove one of them.")
            else:
                self._document.keys[there] = _place(key)
                yield key.value, value

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind, text = node.tag.removeprefix(yaml12.TAG), node.value
        try:
            if kind in yaml12.CONSTRUCTED:
                return yaml12.CONSTRUCTED[kind](text)
        except (ValueError, KeyError):
            self._document.problem(_place(node), f"{text!r} is no {kind}.", "Remove the tag in front of it.")
            return text
        if kind != "str":
            self._document.problem(_place(node), f"The tag {node.tag!r} is not known here.", "Remove the tag.")
        return text


def _is_text(text: str) -> bool:
    """Whether UTF-8 can write it; an escape such as "\\ud800" makes what it cannot."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


#: What PyYAML says, and what usually helps.
_HINTS = {  # the first that fits counts: a tab, too, cannot start a token
    "mapping values are not allowed": "Put a text that holds a colon in quotes, and indent entries alike.",
    "\\t": "Indent with spaces.",
    "expected ',' or ']'": "Close the list with ], and put commas between its items.",
    "expected ',' or '}'": "Close the mapping with }, and put commas between its entries.",
    "expected <block end>": "Indent this line as those around it.",
    "could not find expected ':'": "Write NAME: VALUE.",
    "end of stream": "Close the quotation mark.",
    "undefined alias": "Name an anchor (&NAME) that stands before it.",
    "single document": "Write one file for each launch, without a second `---`.",
    "cannot start any token": "Put the text in quotes.",
}


def _said(error: yaml.MarkedYAMLError) -> Problem:
    opened = any(word in (error.context or "") for word in ("flow", "quoted"))  # where a person has to close it
    mark = error.context_mark if opened else error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what = ", ".join(part for part in (error.context, error.problem) if part)
    hint = next((hint for words, hint in _HINTS.items() if words in what), "Look at this line and the one above.")
    return Problem(line, column, f"This is not YAML: {what}.", hint)
