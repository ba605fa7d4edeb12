"""The general reader: a counter of a known kind of word in any common language, with keys and numbers beside it.

    Epoch [1/5], Step [50/100], Loss: 2.5000, Accuracy: 10.00%
    Train Epoch: 1 [6400/60000 (11%)]  Loss: 1.150000
    11/28 16:00:01 - mmengine - INFO - Epoch(train)  [1][ 50/196]  lr: 1.0000e-02  eta: 0:01:19  loss: 1.8000
    {"epoch": 1, "train_loss": 0.5}
    에폭 1/5 손실: 2.5000

Beside a counter a key is a metric if it is a word of trainings, or if it comes back further on; without one, only a
word that no other program uses is, once it comes back with another number. Times, sizes, rates and counts are none.
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.lines import counters, pairs, time_left, words
from gpurun_jupyter.progress.readers.lines.counters import Counters
from gpurun_jupyter.progress.readers.lines.plans import Plan
from gpurun_jupyter.progress.readers.lines.shapes import NUMBER as N

BY = "prose"
_MAX_CHARS, _MAX_NUMBERS = 2000, 80
#: `Namespace(lr=0.1, step=5)` are settings.
_REPR = re.compile(r"\s*[A-Z]\w*\(\w+=")
#: `{'loss': '0.69', 'learning_rate': '5e-05', 'epoch': '1.25'}`: nothing but numbers.
_DICT = re.compile(rf"\{{(?:\s*['\"][^'\"{{}}]+['\"]\s*:\s*['\"]?{N}['\"]?\s*,?)+\s*\}}\s*")
#: What logging writes before a message: times, levels, names.
_LOG_PREFIX = re.compile(
    rf".*{N}:{N}.*[\]:|>)-]\s+|\[?(?:INFO|DEBUG|WARNING)\]?\s*[:|-]?\s*(?:[\w.]+\s*[:|-]\s*)*", re.IGNORECASE
)
_TRAIN = re.compile(r"\btrain(?:ing)?[ _]\Z", re.IGNORECASE)
_DECORATION = re.compile(r"[\s\-=*#_.:|>~\[\]()]*")


def plan(shape: str) -> Plan | None:
    """What the numbers of this shape mean; None where it says nothing of a training."""
    if len(shape) > _MAX_CHARS or not words.may_speak_of_training(shape):
        return None
    if shape.count(N) > _MAX_NUMBERS or _REPR.match(shape):
        return None
    counted, left = counters.find(shape), time_left.find(shape)
    beside_counter = counted.any or pairs.is_nothing_else(shape)
    values = pairs.find(shape, [*counted.spans, *left.spans], beside_counter=beside_counter)
    measured = any(words.is_measured(value.name) for value in values)
    if counted.any and not measured and not (counted.named and _begins_message(shape, counted)):
        return None  # the 3 of /?page=2&step=3 counts nothing
    found = Plan(
        BY, values, counted.epoch, counted.step, left.numbers, measured=measured, validation=counted.validation
    )
    if not values:
        return _heading(shape, counted, found)
    telling = [value.name for value in values if words.is_of_training(value.name)]
    if _DICT.fullmatch(shape):  # printed as a whole, by HF's Trainer and by many others
        return found._replace(sure=not all(map(words.is_setting, telling)))
    strong = counted.epoch is not None or bool(telling)
    return found._replace(sure=counted.any and measured and strong and not counted.many)


def _heading(shape: str, counted: Counters, found: Plan) -> Plan | None:
    """A line that only says where the training is: `Epoch 2/5` and more, or `Epoch 2` and `step 3/9` alone."""
    count = counted.epoch or counted.step
    if count is None or (count.of is None and (counted.epoch is None or "=" in shape[slice(*counted.spans[0])])):
        return None  # `epoch = 2` is a setting, or a line of a program
    end = max(end for _, end in counted.spans)
    alone = _DECORATION.fullmatch(shape, end) is not None
    speaks = counted.epoch is not None and (count.of is not None or shape[end : end + 1] == ":")
    if not (alone or found.left or speaks):
        return None
    return found._replace(heading=alone and counted.step is None)


def _begins_message(shape: str, counted: Counters) -> bool:
    """Whether nothing but what logging writes is before the counter."""
    before = _TRAIN.sub("", shape[: counted.spans[0][0]])
    return _DECORATION.fullmatch(before) is not None or _LOG_PREFIX.fullmatch(before) is not None
