"""Keys with numbers behind them: `loss: 0.31`, `val_acc=0.9`, `손실: 0.5`, `Acc@1 70.1 (69.3)`.

A ratio with its percentage, as in `Accuracy: 9834/10000 (98%)`, is taken for what it is exactly: 98.34.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gpurun_jupyter.progress.readers.lines import vocabulary, words
from gpurun_jupyter.progress.readers.lines.plans import Value
from gpurun_jupyter.progress.readers.lines.shapes import NUMBER as N

_MAX_KEY_CHARS = 80
_BEFORE_VALUE = r"(?:[\"'\[(]|tensor\(|np\.float\d+\()?\Z"
_SEP = re.compile(rf"[\"']?\s*(?:[:=\uff1a\uff1d]|->|→|\bis\b|は)\s*{_BEFORE_VALUE}|\s+{_BEFORE_VALUE}|\(\Z")
#: `Training loss at step 100: 0.5`, `Cost after iteration 100: 0.5`: what leads from the key to the counter.
_TO_COUNTER = re.compile(
    r"\s+(?:at|after|of|in|for|on|over|during|per)(?: (?:the|training|global|end of))*\s*\Z", re.IGNORECASE
)
_BEHIND_COUNTER = re.compile(r"\s*(?:[:=]|is)\s*")
_CUT = re.compile(
    r"[,;|\t{}<>\[\]\"'=:\uff1a\uff0c\uff1b、]|\s[-*\u2013\u2014\u2022\u00b7]+\s|\s{2,}|(?<!\b[A-Za-z]{3})\.\s"
)
_NAME = r"[^\W\d][\w@.-]*(?: [^\W\d][\w@.-]*)?"
_ONLY_PAIRS = re.compile(
    rf"(?:(?:{words.one_of(vocabulary.VALIDATION)}):)?[\s*>-]*(?:{_NAME} +{N}%?[\s,;|]*)+", re.IGNORECASE
)
_ONLY_KEYS = re.compile(rf"({_NAME}) +{N}")
#: Behind a value: that it is in percent, and its average.
_TAIL = re.compile(rf"\s?%|\s*\(\s*{N}\s*%?\s*\)")
_RATIO = re.compile(rf"(\s*)/\s*{N}(\s*\(\s*{N}\s*%\s*\))?")
#: Units of time, memory and rate.
_UNIT = re.compile(
    r"\s?(?:[mµun]?s|secs?|seconds?|mins?|minutes?|hours?|hrs?|h|days?|[kKMGT]?i?B(?:ytes)?|bytes?|[MG]|[kMG]?Hz|°?C|W|"
    r"초|분|시간|秒|分|[^\W\d]{0,12}/ ?(?:s|sec|second|step|it|iter|epoch|sample|batch|초|秒)\w*|fps|it|tok)"
    r"(?![\w%]|\s*[:=])"
)


_ON_SO_MANY = re.compile(rf"\s*((?:test|train|validation)? ?accuracy) (?:of|on) .*{N}.*: {N} ?%?\s*", re.IGNORECASE)


def find(shape: str, taken: Iterable[tuple[int, int]], *, beside_counter: bool) -> tuple[Value, ...]:
    """The values of a shape, but for the numbers in `taken`; without a counter only such that trainings alone have."""
    if said := _ON_SO_MANY.fullmatch(shape):  # Accuracy of the network on the 10000 test images: 53 %
        return (Value(said[1], shape.count(N) - 1),)
    values: dict[str, Value] = {}
    behind, place, position, counter_at = 0, 0, shape.find(N), 0
    while position >= 0:
        span = next(((start, end) for start, end in taken if start <= position < end), None)
        if span is not None:
            counter_at, behind = span
        elif position >= behind:
            gap = shape[behind:position]
            if counter_at and _BEHIND_COUNTER.fullmatch(gap) and (leads := _TO_COUNTER.search(shape, 0, counter_at)):
                gap = f"{shape[: leads.start()]}: "
            value, behind = _value(shape, gap, position, place, beside_counter=beside_counter)
            counter_at = 0
            if value is not None:
                values.setdefault(value.name, value)
        position, place = shape.find(N, position + 1), place + 1
    return tuple(values.values())


def is_nothing_else(shape: str) -> bool:
    """Whether a line is nothing but names of what is measured with their numbers: `* Acc@1 70.1 Acc@5 90.2`."""
    return _ONLY_PAIRS.fullmatch(shape) is not None and all(map(words.ends_measured, _ONLY_KEYS.findall(shape)))


def _value(shape: str, gap: str, position: int, place: int, *, beside_counter: bool) -> tuple[Value | None, int]:
    """The value at `position`, whose key ends the text of the gap before it; and where the next key may begin."""
    key, explicit = _key(gap)
    end, of, percent = position + 1, None, False
    if ratio := _RATIO.match(shape, end):
        end = ratio.end()
        of = None if ratio[1] else place + 1  # `0.1 / 0.05` are two values of one name
        percent = ratio[2] is not None
        key = key if ratio[1] or words.ends_measured(key) else ""
    while tail := _TAIL.match(shape, end):
        end = tail.end()
    if unit := _UNIT.match(shape, end):
        return None, unit.end()
    good = key and _ends_well(shape, end) and _names_value(key, explicit=explicit, beside_counter=beside_counter)
    return (Value(key, place, of, percent) if good else None), end


def _names_value(key: str, *, explicit: bool, beside_counter: bool) -> bool:
    if words.is_no_measurement(key) or not (explicit or words.ends_measured(key)):
        return False
    return beside_counter or (explicit and (words.is_of_training(key) or words.is_of_phase(key)))


def _ends_well(shape: str, end: int) -> bool:
    """Whether the number ends where it should: not in a version, a time, a date or a word."""
    after = shape[end : end + 2]
    return not (after[:1].isalnum() or after[:1] == "_" or (after[:1] in (".", ":", "-", "x") and after[1:] == N))


def _key(gap: str) -> tuple[str, bool]:
    """The key that ends a text, and whether a colon or its like stands behind it."""
    sep = _SEP.search(gap)
    if not sep:
        return "", False
    text = gap[: sep.start()]
    for cut in _CUT.finditer(text):
        text = gap[cut.end() : sep.start()]
    if text.count("(") != text.count(")"):
        text = text[max(text.rfind("("), text.rfind(")")) + 1 :]
    key = words.key_of(text)
    good = 0 < len(key) <= _MAX_KEY_CHARS and key[0] != "/" and any(map(str.isalpha, key)) and key.count(" ") < 6
    if sep[0] == ":" and "." in key:  # a line of a module, as logging names it
        return "", True
    return (key if good else ""), sep[0].strip() not in ("", "(")
