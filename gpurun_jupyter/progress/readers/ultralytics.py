"""The lines of ultralytics' trainings, read back by the format of ultralytics 8.4 (ultralytics.utils.tqdm):

      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size
        3/5      1.20G      2.053      1.510     0.9741         31         64: 37% ━━━━──────── 3/8 4.6it/s 0.6s<1.1s
                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100% ━━━━━━━━━━━━ 1/1 0.1s
                   all         16         16      0.811      0.750      0.826      0.512

A narrow terminal cuts the columns off at `…`. Before 8.3.200 it was a tqdm line with the same columns as its label.
"""

from __future__ import annotations

import re

from gpurun_jupyter.progress.readers.readings import Epoch, Reading, seconds_of, short_label, without_colours

_NUMBER = r"\d+(?:\.\d+)?(?:[KMGTP]?B)?"
_TIME = r"(?:\d+:)*\d+(?:\.\d+)?s?"
_BAR = re.compile(
    rf"^(.*): (?:(\d+)% )?([━─╸]{{12}}) ({_NUMBER})(?:/({_NUMBER}))?"
    rf"(?: (\d+(?:\.\d+)?)([KMG]?)(\w*/s|s/\w+))?(?: {_TIME}(?:<({_TIME}))?)?\s*$"
)
_EPOCH = re.compile(r"\s*(\d+)/(\d+)\s+[\d.]+[KMG]?B?(?=\s|$)(.*)")
_HEADER = re.compile(r"\s*Epoch\s+GPU_mem\s+(.+)")
_RESULT = re.compile(r"\s*all\s+\d+\s+\d+((?:\s+\d+(?:\.\d+)?)+)\s*$")
_SCALE = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
#: A header's columns that are no metrics.
_COUNTS = ("Instances", "Size")
_QUALITIES = ("precision", "recall", "mAP50", "mAP50-95")


def read(frame: str) -> Reading | None:
    """The bar that `frame` shows; None where it shows none."""
    if not ("━━" in frame or "──" in frame or "╸" in frame):
        return None
    found = _BAR.match(without_colours(frame).strip("\r"))
    if not found:
        return None
    label, percent, _, done, total, rate, scale, per, left = found.groups()
    if percent and not total:  # a finished download shows only its size
        total = done
    reading = Reading(
        label=short_label(label),
        done=_amount(done if done[-1] == "B" or not total else done + total.lstrip("0123456789.")),
        total=_amount(total) if total else None,
        rate=_rate(rate, scale, per) if rate else None,
        left_s=seconds_of(left) if left else None,
        values={},
        end=len(frame),
        closed=False,
        in_table=True,
    )
    return with_columns(reading)


def with_columns(reading: Reading) -> Reading:
    """The same reading, with epoch and values taken out of a label that is a row of the training's table."""
    row = _EPOCH.match(reading.label) if "/" in reading.label[:24] else None
    if not row:
        return reading
    number, count = int(row[1]), int(row[2])
    cells = []
    for cell in row[3].split():
        if not re.fullmatch(r"[+-]?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|nan|inf)", cell):
            break  # a narrow terminal has cut off the rest
        cells.append(float(cell))
    label = f"epoch {number}/{count}"
    return reading._replace(label=label, epoch=Epoch(number - 1, count), cells=tuple(cells), in_table=True)


def read_header(line: str) -> tuple[str, ...]:
    """The names of the values in the rows below, if the line is the training's header."""
    found = _HEADER.match(line)
    return tuple(found[1].split()) if found else ()


def name_cells(names: tuple[str, ...], cells: tuple[float, ...]) -> dict[str, float]:
    """The row's losses by name."""
    pairs = dict(zip(names, cells, strict=False))
    return {name: value for name, value in pairs.items() if name not in _COUNTS}


def read_result(line: str) -> dict[str, float]:
    """What a validation found, by the names that ultralytics itself gives: B is for boxes, M for masks."""
    found = _RESULT.match(line)
    numbers = found[1].split() if found else []
    if len(numbers) not in (4, 8):
        return {}
    names = [f"metrics/{quality}({kind})" for kind in "BM" for quality in _QUALITIES]
    return {name: float(number) for name, number in zip(names, numbers, strict=False)}


def _amount(text: str) -> float:
    number = text.rstrip("KMGTPB")
    return float(number) * _SCALE[text[len(number) :].rstrip("B")]


def _rate(number: str, scale: str, per: str) -> float | None:
    rate = float(number) * _SCALE[scale]
    return rate if per.endswith("/s") else 1 / rate if rate else None
