"""Where a line says that a training is: `Epoch [1/5], Step [50/100]`, `에폭 1/5`, `第 3/10 轮`, `[1/5][50/100]`."""

from __future__ import annotations

import re
from typing import NamedTuple

from gpurun_jupyter.progress.readers.lines import vocabulary
from gpurun_jupyter.progress.readers.lines.plans import Count
from gpurun_jupyter.progress.readers.lines.shapes import NUMBER as N
from gpurun_jupyter.progress.readers.lines.words import one_of

_VALIDATION = one_of(vocabulary.VALIDATION)
_OF = rf"\s*(?:/|\b(?:of|out of|von|de|sur|di|из)\b)\s*{N}"
_COUNTER = re.compile(
    rf"(?:(?P<before>[^\W\d_]{{1,20}})[ _-]{{1,3}})?(?<![A-Za-z0-9])"
    rf"(?:(?P<epoch>{one_of(vocabulary.EPOCH)})|(?P<step>{one_of(vocabulary.STEP)}))(?P<many>e?s)?"
    rf"(?:\((?P<phase>\w+)\))?[\"']?\s*[:=#\uff1a-]?\s*[\"'\[(]?\s*{N}(?P<of>{_OF})?\s*[\])]?",
    re.IGNORECASE,
)
_COUNTER_BEHIND = re.compile(
    rf"第?\s*{N}(?P<of>\s*/\s*{N})?\s*(?:(?P<epoch>{one_of(vocabulary.EPOCH_BEHIND)})|"
    rf"(?P<step>{one_of(vocabulary.STEP_BEHIND)}))(?![a-z])",
    re.IGNORECASE,
)
_BRACKETS = rf"[\[(]\s*{N}\s*/\s*{N}(?:\s*\(\s*{N}\s*%\s*\))?\s*[\])]"
#: `[ 50/196]` and `10 / 100`, behind the number of the epoch.
_WITHIN_EPOCH = re.compile(rf"\s*[,:|]?\s*(?:{_BRACKETS}|{N}\s*/\s*{N})")
_ONE_OR_TWO_BRACKETS = re.compile(rf"({_BRACKETS})({_BRACKETS})?")
#: `[1,  2000] loss: 2.173`, as in a tutorial of PyTorch's.
_EPOCH_AND_BATCH = re.compile(rf"\s*\[\s*{N}\s*,\s*{N}\s*\]")
#: `Train: 0 [  50/1251 (  4%)]`, as timm has it.
_PHASE_AS_WORD = re.compile(
    rf"(?P<phase>train|training|{_VALIDATION})\s*:\s*{N}\s*(?=\[\s*{N}\s*/)",
    re.IGNORECASE,
)
_VALIDATES = re.compile(rf"(?<![\w./-])(?:{_VALIDATION})(?![\w./-])", re.IGNORECASE)


class Counters(NamedTuple):
    """The counters of a shape, and the places in it that are theirs.

    `named` by a word, not by brackets alone; by a plural alone, as settings have it, if there are `many`.
    `validation` is the word by which the line says that it is about one.
    """

    epoch: Count | None = None
    step: Count | None = None
    spans: tuple[tuple[int, int], ...] = ()
    named: bool = False
    many: bool = False
    validation: str = ""

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return self.epoch is not None or self.step is not None


def find(shape: str) -> Counters:
    """The counters in a shape."""
    found = _with_words(shape)
    found = found if found.any else _without_words(shape)
    if not found.any or found.validation:
        return found
    word = _VALIDATES.search(shape, 0, min(start for start, _ in found.spans))
    return found._replace(validation=word[0] if word else "")


def _with_words(shape: str) -> Counters:
    counters = Counters(named=True)
    for found in [*_COUNTER.finditer(shape), *_COUNTER_BEHIND.finditer(shape)]:
        if any(start < found.end() and found.start() < end for start, end in counters.spans):
            continue
        if found["epoch"] and counters.epoch is None:
            counters = _with_epoch(counters, shape, found)
        elif found["step"]:
            counters = _with_step(counters, shape, found)
    return counters


def _with_epoch(before: Counters, shape: str, found: re.Match[str]) -> Counters:
    if not _counts(shape, found) or (found.groupdict().get("many") and not found["of"]):
        return before  # epochs=10 says how many there will be
    end, step = found.end(), before.step
    if within := _WITHIN_EPOCH.match(shape, end):
        step, end = _count(shape, within.start(), "step", whole=True), within.end()
    phase = found.groupdict().get("phase") or ""
    return before._replace(
        epoch=_count(shape, found.start(), found["epoch"], whole=bool(found["of"])),
        step=step,
        spans=(*before.spans, (_start(found, "epoch"), end)),
        validation=phase if _VALIDATES.fullmatch(phase) else before.validation,
    )


def _with_step(before: Counters, shape: str, found: re.Match[str]) -> Counters:
    known = before.step
    if not _counts(shape, found) or (known and (known.of is not None or not found["of"])):
        return before
    return before._replace(
        step=_count(shape, found.start(), found["step"], whole=bool(found["of"])),
        spans=(*before.spans, (_start(found, "step"), found.end())),
        many=before.epoch is None and bool(found.groupdict().get("many")) and not found["of"],
    )


def _counts(shape: str, found: re.Match[str]) -> bool:
    """Whether it says where the training is: no setting, no version, no time, no part of an address."""
    before = found.groupdict().get("before") or ""
    if before.lower() in vocabulary.NOT_NOW and not found["of"]:
        return False
    after = shape[found.end() : found.end() + 2]
    return shape[found.start() - 1 : found.start()] not in ("&", "?") and after not in (f".{N}", f":{N}")


def _count(shape: str, start: int, word: str, *, whole: bool) -> Count:
    place = shape.count(N, 0, start)
    return Count(word, place, place + 1 if whole else None)


def _start(found: re.Match[str], word: str) -> int:
    """Where it begins, without the word before it."""
    return found.start(word) if "before" in found.groupdict() else found.start()


def _without_words(shape: str) -> Counters:
    if phase := _PHASE_AS_WORD.search(shape):
        within = _WITHIN_EPOCH.match(shape, phase.end())
        step = _count(shape, within.start(), "step", whole=True) if within else None
        span = (phase.start(), within.end() if within else phase.end())
        epoch = _count(shape, phase.start(), "epoch", whole=False)
        word = phase["phase"] if _VALIDATES.fullmatch(phase["phase"]) else ""
        return Counters(epoch, step, (span,), named=True, validation=word)
    if pair := _EPOCH_AND_BATCH.match(shape):
        return Counters(Count("epoch", 0), Count("batch", 1), (pair.span(),))
    brackets = _ONE_OR_TWO_BRACKETS.search(shape)
    if not brackets:
        return Counters()
    first = _count(shape, brackets.start(1), "step", whole=True)
    if not brackets[2]:
        return Counters(None, first, (brackets.span(),))
    return Counters(
        first._replace(word="epoch"), _count(shape, brackets.start(2), "step", whole=True), (brackets.span(),)
    )
