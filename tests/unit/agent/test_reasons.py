from __future__ import annotations

import errno

import pytest

from gpurun_jupyter.agent.runner.reasons import Evidence, judged, last_error, of_start_failure, oom_kills
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.lifecycle import Outcome, Reason

EXITED = End(outcome=Outcome.FAILED, reason=Reason.EXIT_CODE, exit_code=1, message="ended with exit code 1")
KILLED = End(outcome=Outcome.FAILED, reason=Reason.SIGNAL, exit_code=-9, message="ended by signal SIGKILL")
ABORTED = End(outcome=Outcome.FAILED, reason=Reason.SIGNAL, exit_code=-6, message="ended by signal SIGABRT")
DIED = End(outcome=Outcome.FAILED, reason=Reason.KERNEL_DIED, exit_code=-9, message="The kernel died")
RAISED = End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, message="OutOfMemoryError: ...")
DONE = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED, exit_code=0)

TORCH = """Traceback (most recent call last):
  File "train.py", line 3, in <module>
    x = torch.empty(10**12, device="cuda")
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3725.29 GiB. GPU 0 has a total capacity of 79.15 GiB
"""
CAUGHT = "CUDA out of memory, trying less\nTraceback (most recent call last):\n  File ...\nValueError: bad shape\n"
CHAINED = (
    TORCH
    + "\nThe above exception was the direct cause of the following exception:\n\n"
    + "Traceback (most recent call last):\n  File ...\nRuntimeError: step 3 failed\n"
)
SURVIVED = TORCH + "going on\nTraceback (most recent call last):\n  File ...\nValueError: bad shape\n"
NUMPY = "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.28 TiB for an array"


@pytest.mark.parametrize(
    ("end", "tail", "oom", "reason"),
    [
        (EXITED, TORCH, 0, Reason.CUDA_OOM),
        (EXITED, CHAINED, 0, Reason.CUDA_OOM),
        (EXITED, "RuntimeError: CUDA error: out of memory\n", 0, Reason.CUDA_OOM),
        (EXITED, "XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes", 0, Reason.CUDA_OOM),
        (ABORTED, "numba: Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY\n", 0, Reason.CUDA_OOM),
        (RAISED, "OutOfMemoryError: CUDA out of memory. Tried", 0, Reason.CUDA_OOM),
        (EXITED, CAUGHT, 0, Reason.EXIT_CODE),
        (EXITED, SURVIVED, 0, Reason.EXIT_CODE),
        (EXITED, "", 3, Reason.EXIT_CODE),
        (KILLED, "step 3\n", 1, Reason.HOST_OOM),
        (KILLED, "step 3\n", 0, Reason.SIGNAL),
        (DIED, "", 1, Reason.HOST_OOM),
        (DIED, "", 0, Reason.KERNEL_DIED),
        (EXITED, "RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.", 1, Reason.HOST_OOM),
        (EXITED, "RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.", 0, Reason.EXIT_CODE),
        (EXITED, "Traceback (most recent call last):\nMemoryError\n", 0, Reason.HOST_OOM),
        (EXITED, NUMPY, 0, Reason.HOST_OOM),
        (ABORTED, "terminate called after throwing an instance of 'std::bad_alloc'\n", 0, Reason.HOST_OOM),
        (RAISED, "MemoryError: ", 0, Reason.HOST_OOM),
        (EXITED, "OSError: [Errno 28] No space left on device: 'ck.pt'", 0, Reason.DISK_FULL),
        (EXITED, "cp: error writing 'x': Disk quota exceeded", 0, Reason.DISK_FULL),
        (RAISED, "ValueError: 3", 0, Reason.EXCEPTION),
        (DONE, TORCH, 9, Reason.COMPLETED),
    ],
)
def test_reasons_are_told_apart(end: End, tail: str, oom: int, reason: Reason) -> None:
    found = judged(end, Evidence(tail, oom))
    assert found.reason is reason, found
    assert found.exit_code == end.exit_code
    if reason is end.reason:
        assert found == end


def test_the_message_says_what_was_asked_for_and_what_was_in_use() -> None:
    found = judged(EXITED, Evidence(TORCH, gpu_peak="gpu0 39.6 GB of 40.0 GB"))
    assert found.message.startswith("The GPU had no memory left. Most in use that was seen: gpu0 39.6 GB of 40.0 GB.")
    assert found.message.endswith(TORCH.splitlines()[-1])
    assert judged(KILLED, Evidence(oom_kills=1)).message == "The machine had no memory left. ended by signal SIGKILL"


def test_a_log_that_cannot_be_written_decides() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    found = judged(DONE, Evidence(TORCH, log_failure=full))
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.DISK_FULL)
    assert "could not be written any more (No space left on device)" in found.message


def test_what_keeps_a_run_from_starting() -> None:
    assert of_start_failure(OSError(errno.ENOSPC, "full")).reason is Reason.DISK_FULL
    assert of_start_failure(OSError(errno.EACCES, "no")).reason is Reason.START_FAILED
    assert judged(of_start_failure(OSError(errno.EACCES, "no")), Evidence(TORCH)).reason is Reason.START_FAILED


def test_the_last_error_is_the_last_traceback_and_what_led_to_it() -> None:
    assert last_error("a\n" + CHAINED) == CHAINED
    assert last_error(SURVIVED).startswith("Traceback (most recent call last):\n  File ...\nValueError")
    assert last_error("no traceback") == "no traceback"


def test_kills_for_memory_are_counted() -> None:
    assert oom_kills() >= 0
