"""The general reader: a counter of a known kind of word in any common language, with keys and numbers beside it.

    Epoch [1/5], Step [50/100], Loss: 2.5000, Accuracy: 10.00%
    Train Epoch: 1 [6400/60000 (11%)]  Loss: 1.150000
    11/28 16:00:01 - mmengine - INFO - Epoch(train)  [1][ 50/196]  lr: 1.0000e-02  eta: 0:01:19  loss: 1.8000
    {"epoch": 1, "train_loss": 0.5}
    에폭 1/5 손실: 2.5000

Beside a counter a key is a metric if it is a word of trainings, or if it comes back further on; without one, only a word
that no other program uses is, once it comes back with another number. Times, sizes, rates and counts are none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gpurun_jupyter.progress.readers.lines import words
from gpurun_jupyter.progress.readers.lines.plans import Count, Plan, Value
from gpurun_jupyter.progress.readers.lines.shapes import NUMBER

BY = "prose"
_MAX_NUMBERS = 80
_N = NUMBER
_OF = rf"\s*(?:/|\bof\b|\bout of\b|\bvon\b|\bde\b|\bsur\b|\bиз\b|\bdi\b)\s*{_N}"
#: `/100 (11%)`, behind the number of steps within an epoch.
_WITHIN = rf"[\[(]?\s*{_N}\s*/\s*{_N}(?:\s*\(\s*{_N}\s*%\s*\))?\s*[\])]?"
_COUNTER = re.compile(
    rf"(?P<before>[^\W\d_]+[ _-]+)?(?<![A-Za-z0-9])(?:(?P<epoch>{words.EPOCH})|(?P<step>{words.STEP}))(?P<many>e?s)?"
    rf"(?:\((?P<part>\w+)\))?[\"']?(?P<sep>\s*[:=：]\s*|\s*#?\s*)[\"']?(?P<open>[\[(]?)\s*{_N}(?P<of>{_OF})?\s*[\])]?",
    re.IGNORECASE,
)
_AT_NAME = re.compile(rf"(?P<part>train\w*|val\w*|test\w*|eval\w*)\s*:\s*{_N}\s*(?=\[\s*{_N}\s*/)", re.IGNORECASE)
_BEHIND = re.compile(
    rf"第?\s*{_N}(?:\s*/\s*{_N})?\s*(?:(?P<epoch>{words.BEHIND['epoch']}|epochs?\b)|"
    rf"(?P<step>{words.BEHIND['step']}|(?:step|iteration|iter|batche?|round)s?\b))",
    re.IGNORECASE,
)
_NEXT = re.compile(rf"\s*[,:|]?\s*{_WITHIN}")
_BRACKETS = re.compile(rf"[\[(]\s*{_N}\s*/\s*{_N}(?:\s*\(\s*{_N}\s*%\s*\))?\s*[\])]")
_PAIR_OF_COUNTS = re.compile(rf"\s*\[\s*{_N}\s*,\s*{_N}\s*\]")
#: `best epoch: 3` and `max_steps=500` count nothing.
_NOT_NOW = re.compile(
    r"(?:best|last|max|min|num|nb|n|total|warmup|start|starting|first|final|save|eval|log|logging|every|per|from|resume|"
    r"resuming|patience|each|until|next)[ _-]+",
    re.IGNORECASE,
)
_REPR = re.compile(r"\s*[A-Z]\w*\(\w+=")
_SEP = re.compile(r"[\"']?\s*(?:[:=：]|->|→|\bis\b|は|＝)\s*(?:[\"'\[(]|tensor\(|np\.float\d+\()?\Z|\s+\Z")
_CUT = re.compile(r"[,;|\t{}<>\[\]\"'、，；=:：]|\s[-–—•·*]+\s|\s{2,}|\.\s")
_ONLY_PAIRS = re.compile(rf"[\s*>-]*(?:[^\W\d][\w@.-]*(?: [^\W\d][\w@.-]*)? +{_N}%?[\s,;|]*)+")
_PAIR_KEYS = re.compile(rf"([^\W\d][\w@.-]*(?: [^\W\d][\w@.-]*)?) +{_N}")
_TAIL = re.compile(rf"\s?%|\s*\(\s*{_N}\s*%?\s*\)")
_RATIO = re.compile(rf"\s*/\s*{_N}(\s*\(\s*{_N}\s*%\s*\))?")
_LEFT = re.compile(
    r"(?:\beta|\bremaining(?: time)?|\btime left|\btime remaining|남은 ?시간|残り(?:時間)?|剩余(?:时间)?|\brestzeit|temps restant)"
    rf"[\"']?\s*[:=：]?\s*[\"']?(?:(?P<clock>(?:{_N} days?, ?)?{_N}:{_N}(?::{_N})?)|"
    rf"(?P<spans>{_N}\s?(?:days?|[dhms]|min|sec|초|분|시간|秒|分)(?:\s?{_N}\s?(?:[hms]|min|sec|초|분|秒|分))*)(?!\w))",
    re.IGNORECASE,
)
_SPAN = re.compile(rf"{_N}\s?(days?|[dhms]|min|sec|초|분|시간|秒|分)", re.IGNORECASE)
_UNIT_S = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "초": 1.0, "분": 60.0, "시": 3600.0, "秒": 1.0, "分": 60.0}
_VALIDATION = re.compile(r"(?<![\w./-])(?:val|valid|validation|test|testing|eval|evaluation)(?![\w./-])", re.IGNORECASE)
_VALIDATES = re.compile(r"\s*(?:\*|[\[(]?(?:val|valid|validation|test|testing|eval|evaluation)\b)", re.IGNORECASE)
#: What logging writes before a message: times, levels, names.
_LOG_PREFIX = re.compile(rf".*{_N}:{_N}.*[\]:|>)-]\s+|(?:\[?(?:INFO|DEBUG|WARNING)\]?)[\s:|-].*", re.IGNORECASE)
_DECORATION = re.compile(r"[\s\-=*#_.:|>~\[\]()]*")


class _Counters(NamedTuple):
    epoch: Count | None
    step: Count | None
    part: str
    spans: list[tuple[int, int]]
    named: bool  # by a word, not by brackets alone
    many: bool = False  # by a plural alone, as settings have it

    @property
    def any(self) -> bool:
        return self.epoch is not None or self.step is not None


def plan(shape: str) -> Plan | None:
    """What the numbers of this shape mean; None where it says nothing of a training."""
    if not words.may_speak_of_training(shape) or shape.count(_N) > _MAX_NUMBERS or _REPR.match(shape):
        return None
    counters = _counters(shape)
    left, left_span = _left(shape)
    taken = [*counters.spans, *left_span]
    values = tuple(_values(shape, taken, beside_counter=counters.any))
    if not counters.any and not values and _only_pairs(shape):
        values = tuple(_values(shape, taken, beside_counter=True))
    measured = any(words.is_measured(value.name) for value in values)
    if counters.any and not counters.named and not measured:
        return None
    validation = counters.part if _VALIDATION.fullmatch(counters.part) else ""
    if not values:
        return _heading(shape, counters, left)
    strong = counters.epoch is not None or any(words.is_of_training(value.name) for value in values)
    sure = counters.any and measured and strong and not counters.many
    return Plan(BY, values, counters.epoch, counters.step, left, sure, measured, validation=validation)


def _only_pairs(shape: str) -> bool:
    """Whether the line is nothing but names of what is measured with their numbers: `* Acc@1 70.1 Acc@5 90.2`."""
    pairs = _ONLY_PAIRS.fullmatch(shape)
    return pairs is not None and all(words.ends_measured(key) for key in _PAIR_KEYS.findall(shape))


def _heading(shape: str, counters: _Counters, left: tuple[tuple[int, float], ...]) -> Plan | None:
    """A line that only says where the training is: `Epoch 2/5` whatever follows, `Epoch 2` and `step 3/9` if nothing does."""
    count = counters.epoch or counters.step
    if count is None or not counters.named:
        return None
    start, end = counters.spans[0]
    if not (_DECORATION.fullmatch(shape[:start]) or _LOG_PREFIX.fullmatch(shape[:start])):
        return None
    rest = shape[max(end for _, end in counters.spans) :] if len(counters.spans) > 1 else shape[end:]
    alone = _DECORATION.fullmatch(rest) is not None and (counters.epoch is not None or count.of is not None)
    if "=" in shape[start:end] and count.of is None:  # a setting, or a line of a program
        return None
    speaks = counters.epoch is not None and (count.of is not None or rest[:1] == ":" or shape[end - 1 : end] == ":")
    if not (alone or left or speaks):
        return None
    return Plan(BY, (), counters.epoch, counters.step, left, heading=alone and counters.step is None)


def _counters(shape: str) -> _Counters:
    epoch: Count | None = None
    step: Count | None = None
    part, spans = "", list[tuple[int, int]]()
    for found in [*_COUNTER.finditer(shape), *_BEHIND.finditer(shape)]:
        word, count = _count(shape, found, many=epoch is not None)
        if count is None or any(start < found.end() and found.start() < end for start, end in spans):
            continue
        if word == "epoch" and epoch is None:
            epoch, part, end = count, found.groupdict().get("part") or part, found.end()
            within = _NEXT.match(shape, end)
            if within:
                step, end = _within(shape, within), within.end()
            spans.append((found.start(), end))
        elif word == "step" and step is None:
            step = count
            spans.append((found.start(), found.end()))
        elif word == "step" and step.of is None and count.of is not None:
            step = count
            spans.append((found.start(), found.end()))
    if epoch is None and step is None:
        return _without_words(shape)
    begin = _VALIDATION.search(shape, 0, min(start for start, _ in spans))
    part = part or (begin[0] if begin else "")
    return _Counters(epoch, step, part, spans, named=True, many=epoch is None and _ends_many(shape, spans))


def _ends_many(shape: str, spans: list[tuple[int, int]]) -> bool:
    found = _COUNTER.search(shape, spans[0][0])
    return bool(found and found["many"] and not found["of"])


def _count(shape: str, found: re.Match[str], *, many: bool) -> tuple[str, Count | None]:
    """What kind of counter it is, and which of its numbers is what; with `many` a plural counts, too."""
    groups = found.groupdict()
    kind = "epoch" if groups["epoch"] else "step"
    word = groups[kind]
    place = shape.count(_N, 0, found.start())
    whole = found[0].count(_N) > 1
    if "before" in groups:
        if groups["before"] and _NOT_NOW.fullmatch(groups["before"]) and not whole:
            return kind, None
        if groups["many"] and not whole and not (many or kind == "step"):  # epochs=10 says how many there will be
            return kind, None
    after = shape[found.end() : found.end() + 2]
    if after[:1] in (".", ":") and after[1:] == _N:  # a version, a time
        return kind, None
    return kind, Count(word, place, place + 1 if whole else None)


def _within(shape: str, found: re.Match[str]) -> Count:
    place = shape.count(_N, 0, found.start())
    return Count("step", place, place + 1)


def _without_words(shape: str) -> _Counters:
    """Counters that stand in brackets or behind the name of a phase: timm, GANs, the CIFAR tutorial."""
    named = _AT_NAME.search(shape)
    if named:
        place = shape.count(_N, 0, named.start())
        within = _NEXT.match(shape, named.end())
        step = _within(shape, within) if within else None
        end = within.end() if within else named.end()
        return _Counters(Count("epoch", place), step, named["part"], [(named.start(), end)], named=True)
    pair = _PAIR_OF_COUNTS.match(shape)
    if pair:
        return _Counters(Count("epoch", 0), Count("step", 1), "", [pair.span()], named=False)
    found = [*_BRACKETS.finditer(shape)][:2]
    if not found:
        return _Counters(None, None, "", [], named=False)
    begin = _VALIDATION.match(shape.lstrip(" [(*-"))
    counts = [_within(shape, one) for one in found]
    epoch = counts[0]._replace(word="epoch") if len(counts) == 2 and found[0].end() == found[1].start() else None
    last = counts[1] if epoch else counts[0]
    spans = [one.span() for one in found] if epoch else [found[0].span()]
    return _Counters(epoch, last, begin[0] if begin else "", spans, named=False)


def _left(shape: str) -> tuple[tuple[tuple[int, float], ...], list[tuple[int, int]]]:
    found = _LEFT.search(shape)
    if not found:
        return (), []
    place = shape.count(_N, 0, found.start())
    if found["clock"]:
        count = found["clock"].count(_N)
        scale = [1.0, 60.0, 3600.0, 86400.0]
        return tuple((place + n, scale[_rank(found["clock"], count, n)]) for n in range(count)), [found.span()]
    units = [unit[0].lower() for unit in _SPAN.findall(found["spans"])]
    return tuple((place + n, _UNIT_S[unit]) for n, unit in enumerate(units)), [found.span()]


def _rank(clock: str, count: int, place: int) -> int:
    """Of `1 day, 2:03:04` the place of a number from the right; a day is never an hour."""
    return 3 if "day" in clock and place == 0 else count - 1 - place


def _values(shape: str, taken: list[tuple[int, int]], *, beside_counter: bool) -> list[Value]:
    """The keys with numbers behind them, but for the numbers in `taken`."""
    values: dict[str, Value] = {}
    behind, place = 0, -1
    position = shape.find(_N)
    while position >= 0:
        place += 1
        span = next((end for start, end in taken if start <= position < end), None)
        if span is not None:
            behind = span
        elif position >= behind:
            value, behind = _value(shape, behind, position, place, beside_counter=beside_counter)
            if value is not None:
                values.setdefault(value.name, value)
        position = shape.find(_N, position + 1)
    return [*values.values()]


def _value(shape: str, start: int, position: int, place: int, *, beside_counter: bool) -> tuple[Value | None, int]:
    """The value at `position`, whose key begins at `start` or behind it; and where the next key may begin."""
    key, explicit = _key(shape[start:position])
    end, of, percent = position + 1, None, False
    ratio = _RATIO.match(shape, end)
    if ratio:
        percent = ratio[1] is not None
        end, of = ratio.end(), place + 1
        if " / " in ratio[0]:  # two values of one name: the first
            of = None
        elif not words.ends_measured(key):
            return None, end
    else:
        while tail := _TAIL.match(shape, end):
            end = tail.end()
    unit = words.UNIT.match(shape, end)
    if unit and not (key and words.ends_measured(key) and unit[0].startswith(" ")):
        return None, unit.end()
    if not key or not _ends_well(shape, end):
        return None, end
    if words.is_no_measurement(key) or not (explicit or words.ends_measured(key)):
        return None, end
    if not beside_counter and not (explicit and words.is_of_training(key)):
        return None, end
    return Value(key, place, of, percent), end


def _ends_well(shape: str, end: int) -> bool:
    """Whether the number ends where it should: not in a version, a time, a date or a word."""
    after = shape[end : end + 2]
    return not (after[:1].isalnum() or after[:1] == "_" or (after[:1] in (".", ":", "-", "x") and after[1:] == _N))


def _key(gap: str) -> tuple[str, bool]:
    """The key that ends a text, and whether a colon or its like stands behind it."""
    sep = _SEP.search(gap)
    if not sep:
        return "", False
    text = gap[: sep.start()]
    cuts = [*_CUT.finditer(text)]
    text = text[cuts[-1].end() :] if cuts else text
    opened = text.rfind("(")
    if opened >= 0 and text.count("(") > text.count(")"):
        text = text[opened + 1 :]
    elif text.count("(") < text.count(")"):
        text = text[text.rfind(")") + 1 :]
    key = words.key_of(text)
    good = 0 < len(key) <= 80 and key[0] != "/" and any(c.isalpha() for c in key) and key.count(" ") < 6
    return (key if good else ""), bool(sep[0].strip())
