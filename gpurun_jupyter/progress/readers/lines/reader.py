"""Reads the lines of one stream: what each says, as soon as that is sure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gpurun_jupyter.progress.readers.lines import boosting, keras_epoch, optuna, prose, scikit_learn, words
from gpurun_jupyter.progress.readers.lines.flower import Flower
from gpurun_jupyter.progress.readers.lines.plans import Plan, Said, fill
from gpurun_jupyter.progress.readers.lines.shapes import NUMBER, line_of
from gpurun_jupyter.progress.readers.lines.tables import Tables, may_begin
from gpurun_jupyter.progress.readers.readings import TRIAL, without_colours

#: Formats, asked in this order what a shape means; the general one comes last.
FORMATS: tuple[Callable[[str], Plan | None], ...] = (
    boosting.plan,
    keras_epoch.plan,
    scikit_learn.plan,
    optuna.plan,
    prose.plan,
)
#: Longer lines say nothing of the kind.
MAX_CHARS = 4000
#: So many shapes are remembered with their plans, and so many kinds of lines that are not sure.
_MAX_SHAPES = 2000
_MAX_KINDS = 200

_Kind = tuple[str, tuple[str, ...]]


class Look(NamedTuple):
    """A line without colours, its shape, its numbers, and what these mean; no plan where they mean nothing."""

    text: str
    shape: str
    numbers: list[str]
    plan: Plan | None


_NOTHING = Look("", "", [], None)


class LineReader:
    """What the lines of one stream say."""

    def __init__(self) -> None:
        self._plans: dict[str, Plan | None] = {}
        self._tables = Tables()
        self._flower = Flower()
        self._waiting: dict[_Kind, Said] = {}  # seen once
        self._confirmed: set[_Kind] = set()
        self._is_training = False  # a line was sure, so that a last one, said once, is of the same training

    def look(self, text: str) -> Look:
        """The line as far as it can be told without its numbers: a quick look."""
        if len(text) > MAX_CHARS or NUMBER in text:
            return _NOTHING
        text = without_colours(text).lstrip(TRIAL)
        shape, numbers = line_of(text)
        return Look(text, shape, numbers, self._plan(shape) if numbers else None)

    def read(self, line: Look) -> list[Said]:
        """What this line says, and lines before it that were not sure till now."""
        said = fill(line.plan, line.numbers) if line.plan else None
        if line.plan is None or said is None:
            said = self._of_many_lines(line.text) if line.text else None
            return [said] if said else []
        if line.plan.sure or (self._is_training and line.plan.measured and not _is_setting(said)):
            self._is_training = self._is_training or bool(said.values)
            return [said]
        return self._once_it_comes_back(said)

    def _plan(self, shape: str) -> Plan | None:
        if shape in self._plans:
            return self._plans[shape]
        plan = next((plan for read in FORMATS if (plan := read(shape))), None)
        if len(self._plans) >= _MAX_SHAPES:
            del self._plans[next(iter(self._plans))]
        self._plans[shape] = plan
        return plan

    def _of_many_lines(self, text: str) -> Said | None:
        """What a line says that means something only by the lines before it."""
        if Flower.may_say(text):
            return self._flower.read(text)
        return self._tables.read(text) if self._tables.open or may_begin(text) else None

    def _once_it_comes_back(self, said: Said) -> list[Said]:
        kind = (said.epoch.word if said.epoch else said.step.word if said.step else "", tuple(said.values))
        if kind in self._confirmed:
            return [said]
        before = self._waiting.pop(kind, None)
        if before and _goes_on(before, said):
            self._confirmed.add(kind)
            return [before, said]
        if len(self._waiting) >= _MAX_KINDS:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[kind] = said
        return []


def _is_setting(said: Said) -> bool:
    """Whether a line may be printed settings: they are known before the training begins."""
    counted = said.epoch is not None or said.step is not None
    return not counted and any(words.is_setting(name) for name in said.values)


def _goes_on(before: Said, now: Said) -> bool:
    """Whether a line is another of the same kind: further on, and with other values."""
    if before.values == now.values:
        return False
    counted = before.epoch is not None or before.step is not None
    return not counted or _place(now) > _place(before)


def _place(said: Said) -> tuple[float, float]:
    return (said.epoch.number if said.epoch else 0.0, said.step.number if said.step else 0.0)
