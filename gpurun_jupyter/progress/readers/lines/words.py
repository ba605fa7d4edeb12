"""Which names are those of what a training measures."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gpurun_jupyter.progress.readers.lines import vocabulary


def one_of(words: Iterable[str]) -> str:
    """A regular expression for any of the words."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


#: acc1, Acc@5, mAP50; but F10 is a key.
_NUMBERED = r"(?:(?<!f1)(?:@[\d.:]+|\d{1,4}))?"
_WORD = re.compile(r"[^\W_]+(?:@[\d.]+)?")
_MEASURED = re.compile(rf"(?:{one_of(vocabulary.MEASURED)}){_NUMBERED}", re.IGNORECASE)
_OF_TRAINING = re.compile(rf"(?:{one_of(vocabulary.OF_TRAINING)}){_NUMBERED}", re.IGNORECASE)
_PAIR = re.compile(rf"(?<![^\W_])(?:{one_of(vocabulary.MEASURED_PAIRS)})(?![^\W_])", re.IGNORECASE)
_PHASE = re.compile(rf"(?<![^\W_])(?:{one_of(vocabulary.PHASES)})(?![^\W_])", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SOURCE_FILE = re.compile(
    r"\.(?:py|ipynb|cc?|cpp|cu|h|go|rs|js|ts|java|log|txt|json|ya?ml|sh|pth?|csv|jl|r|feature)", re.IGNORECASE
)
#: What a value is of, or when it was measured.
_PLACE = re.compile(r" (?:for|per|at|of|after|in|on|over) ")
_UNIT_BEHIND = re.compile(r"\s*\(([^)]*)\)$")
#: Words that lead to a key and are not of it.
_LEADING = re.compile(
    r"(?:(?:and|with|the|has|have|a|an|is|was|had|got|reached|und|mit|et|avec|y|con|и)\s+)+", re.IGNORECASE
)


def key_of(text: str) -> str:
    """The name of a value as it was printed, without what only leads to it."""
    text = text.strip(" \t-*#>\"'\u2013\u2014\u2022\u00b7")
    leading = _LEADING.match(text)
    return text[leading.end() :] if leading else text


def is_measured(key: str) -> bool:
    """Whether a training measures something of this name."""
    return _PAIR.search(_spaced(key)) is not None or any(map(_MEASURED.fullmatch, _words(key)))


def ends_measured(key: str) -> bool:
    """Whether the name ends with what is measured, so that nothing but a blank need be between it and its value."""
    words = _words(key)
    return bool(words) and bool(_MEASURED.fullmatch(words[-1]) or _PAIR.fullmatch(" ".join(words[-2:])))


def is_of_training(key: str) -> bool:
    """Whether no other program than a training speaks of it."""
    return _PAIR.search(_spaced(key)) is not None or any(map(_OF_TRAINING.fullmatch, _words(key)))


def is_of_phase(key: str) -> bool:
    """Whether it is measured in one of the phases that only trainings have: `Validation score`."""
    return _PHASE.search(key) is not None and ends_measured(key)


def is_setting(key: str) -> bool:
    """Whether the name may be that of a setting, too."""
    return "lr" in _words(key) or "learning" in key.lower()


def is_no_measurement(key: str) -> bool:
    """Whether the name is that of a time, a size, a rate, a count or a place in a program."""
    if re.search(f"{_SOURCE_FILE.pattern}$", key, re.IGNORECASE):
        return True
    unit = _UNIT_BEHIND.search(key)
    words = _PLACE.split(_UNIT_BEHIND.sub("", key).lower())[0]
    parts = re.split(r"[\s_./-]+", words)
    if parts[0] in ("num", "number", "nb", "n", "time") and len(parts) > 1:
        return True
    if _PAIR.search(_spaced(words)):  # a learning rate is no rate
        return False
    if parts[-1] == "total" and is_of_training(words):  # the total of a loss is one
        return False
    not_measured = vocabulary.NOT_MEASURED
    return parts[-1] in not_measured or bool(unit and unit[1].lower() in not_measured)


def _words(key: str) -> list[str]:
    return _WORD.findall(_CAMEL.sub(" ", key).lower())


def _spaced(key: str) -> str:
    return key.replace("_", " ").replace("-", " ")


_COUNTS = vocabulary.EPOCH | vocabulary.STEP
_TELLING = _COUNTS | {f"{word}s" for word in _COUNTS} | vocabulary.OF_TRAINING | vocabulary.PHASES | {"learning", "map"}
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_ANY = re.compile(
    one_of(_COUNTS | vocabulary.OF_TRAINING | vocabulary.EPOCH_BEHIND | vocabulary.STEP_BEHIND), re.IGNORECASE
)


def may_speak_of_training(text: str) -> bool:
    """Whether a word stands in the text without which no line says anything: a quick look."""
    if not text.isascii():
        return _ANY.search(text) is not None
    return not _TELLING.isdisjoint(map(str.lower, _PIECE.findall(text))) or "F1" in text or "f1" in text
