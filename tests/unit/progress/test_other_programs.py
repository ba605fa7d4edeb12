"""What programs print that train nothing: no metric and no epoch is read from any of it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from gpurun_jupyter.progress.record import decode
from gpurun_jupyter.progress.recordings import pieces

CORPUS = Path(__file__).parents[2] / "foreign" / "recordings" / "other_programs.tar.xz"


def logs() -> dict[str, bytes]:
    with tarfile.open(CORPUS) as corpus:
        return {
            member.name.removesuffix(".txt"): content.read()
            for member in corpus
            if (content := corpus.extractfile(member)) is not None
        }


def test_no_metric_in_any() -> None:
    records = {name: decode(pieces(log)) for name, log in logs().items()}
    assert len(records) > 200
    assert {name: record.metrics for name, record in records.items() if record.metrics} == {}
    assert [name for name, record in records.items() if "epochs" in record.bars] == []


@pytest.mark.parametrize(
    "line",
    [
        "Namespace(batch_size=64, epochs=10, lr=0.01, step=5)",
        "epochs: 10, lr: 0.1, momentum: 0.9",
        "Epoch 00003: reducing learning rate of group 0 to 1.0000e-04.",
        "Epoch 3: val_loss improved from 0.52 to 0.48, saving model to x",
        "Validation loss decreased (0.52 --> 0.48). Saving model ...",
        "EarlyStopping counter: 1 out of 5",
        "Loading checkpoint 3/4",
        "Step 3/10 : RUN pip install foo==1.2",
        "WARNING: step 3 of the install guide was skipped",
        '127.0.0.1 - "GET /?page=1&step=1 HTTP/1.1" 200 0.004',
        "4 packets transmitted, 4 received, 0% packet loss, time 3052ms",
        "info depth 12 score cp 31 nodes 41234",
        "train.py:88: step 3 took 1.5 s",
        "batch_size: 64, seed: 42, lr: 0.1",
        "Kernel version: 6.1, epoch = 1969",
    ],
)
def test_no_metric_on_a_line_that_is_repeated(line: str) -> None:
    assert decode([(None, f"{line}\n" * 3)]).metrics == {}
