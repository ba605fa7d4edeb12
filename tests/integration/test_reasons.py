"""How runs end, by real runners: reasons told apart, a full disk, output of every kind, signals at bad moments."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from nvml.machine import GIB, Machine
from runners import Runners
from servers import wait_until

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.events import DeviceSample, End, Sample, Start
from gpurun_jupyter.core.grants import Stop
from gpurun_jupyter.core.home import write_json
from gpurun_jupyter.core.lifecycle import Outcome, Reason

CUDA_OOM = "class OutOfMemoryError(RuntimeError): pass\nraise OutOfMemoryError('CUDA out of memory. Tried')"


@pytest.fixture
def runners(tmp_path: Path) -> Runners:
    return Runners(tmp_path)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (CUDA_OOM, "cuda_oom", "Tried"),
        ("x = bytearray(1 << 60)", "host_oom", "MemoryError"),
        ("with open('/dev/full', 'w') as f: f.write('x')", "disk_full", "No space left"),
        ("import os; os.kill(os.getpid(), 11)", "signal", "SIGSEGV"),
        ("import os; os.kill(os.getpid(), 40)", "signal", "40"),
        ("raise SystemExit(3)", "exit_code", "3"),
    ],
)
def test_why_a_script_failed(runners: Runners, code: str, reason: str, words: str) -> None:
    end = runners.script(code).wait()
    assert (end.outcome, end.reason.value) == (Outcome.FAILED, reason)
    assert words in end.message


def test_why_a_cell_failed(runners: Runners) -> None:
    assert runners.cell(CUDA_OOM).wait().reason is Reason.CUDA_OOM
    assert runners.cell("bytearray(1 << 60)", number=2).wait().reason is Reason.HOST_OOM
    assert runners.cell("import os; os.kill(os.getpid(), 9)", number=3).wait().reason is Reason.KERNEL_DIED


def test_samples_of_a_run_that_lasts(runners: Runners) -> None:
    attempt = runners.script("import time; x = bytearray(200 << 20); time.sleep(1.5)")
    assert attempt.wait().reason is Reason.COMPLETED
    samples = [event for event in attempt.events() if isinstance(event, Sample)]
    assert len(samples) == 2
    assert samples[0].rss > 200 << 20
    assert isinstance(attempt.events()[-1], End)


def test_samples_of_a_gpu_and_what_was_in_use_when_it_was_full(runners: Runners, machine: Machine) -> None:
    runners.env |= machine.env
    card = machine.cards[1]
    card.util, card.used = 87, 79 * GIB
    machine.write()
    attempt = runners.script(f"import time; time.sleep(1.5)\n{CUDA_OOM}", devices=[Device(card.uuid, "gpu", 1)])
    end = attempt.wait()
    assert end.reason is Reason.CUDA_OOM
    assert "gpu1 79.0 GB of 80.0 GB" in end.message
    samples = [event for event in attempt.events() if isinstance(event, Sample)]
    (sample,) = samples[0].devices
    assert sample == DeviceSample(card.uuid, 87.0, 79 * GIB, 80 * GIB, label="gpu1", name=card.name)


# A full disk


def test_a_disk_that_the_output_fills(small_disk: Path, tmp_path: Path) -> None:
    code = "import time\nfor n in range(10**6): print(f'{n:0100}', flush=True)"
    attempt = Runners(tmp_path, small_disk / "home").script(code)
    end = attempt.wait()
    assert (end.outcome, end.reason) == (Outcome.FAILED, Reason.DISK_FULL)
    assert attempt.events()[-1].reason is Reason.DISK_FULL
    printed = attempt.printed()
    assert "".join(f"{n:0100}\n" for n in range(100_000)).startswith(printed)
    assert len(printed) > 2_000_000


def test_a_disk_that_the_run_fills_with_files(small_disk: Path, tmp_path: Path) -> None:
    attempt = Runners(tmp_path, small_disk / "home").script("open('big', 'wb').write(bytes(10 << 20))")
    end = attempt.wait()
    assert end.reason is Reason.DISK_FULL
    assert attempt.events()[-1].reason is Reason.DISK_FULL


def test_a_disk_that_is_full_from_the_start(small_disk: Path, tmp_path: Path) -> None:
    attempt = Runners(tmp_path, small_disk / "home").script("print('never')")
    subprocess.run(["dd", "if=/dev/zero", f"of={small_disk / 'big'}", "bs=4096"], stderr=subprocess.DEVNULL)
    attempt.start()
    assert attempt.process is not None
    attempt.process.wait(30)
    assert not (attempt.folder.work / "main.py").exists()


# Output of every kind


def test_a_run_that_closes_its_output(runners: Runners) -> None:
    code = "import os, time\nprint('a', flush=True)\nos.close(1); os.close(2)\ntime.sleep(0.5)\nos._exit(4)"
    attempt = runners.script(code)
    assert attempt.wait().exit_code == 4
    assert attempt.printed() == "a\n"


def test_bytes_that_are_no_text(runners: Runners) -> None:
    attempt = runners.script("import os\nos.write(1, b'caf\\xc3'); os.write(1, b'\\xa9 \\xff\\xfe\\x00 end\\n')")
    assert attempt.wait().reason is Reason.COMPLETED
    assert attempt.printed() == "café \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\0 end\n"


def test_a_cell_that_prints_half_a_character(runners: Runners) -> None:
    attempt = runners.cell("print('a\\ud800b')\nprint('after')")
    assert attempt.wait().outcome in (Outcome.SUCCEEDED, Outcome.FAILED)


@pytest.mark.parametrize("end", ["", "\\n"])
def test_twenty_megabytes(runners: Runners, end: str) -> None:
    code = f"import sys\nfor n in range(200_000): sys.stdout.write(f'{{n:099}} {end}')\nsys.stdout.flush()"
    attempt = runners.script(code).start()
    assert attempt.process is not None
    runner, peak = psutil.Process(attempt.process.pid), 0
    while attempt.process.poll() is None:
        try:
            peak = max(peak, runner.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        try:
            attempt.process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    assert attempt.wait().reason is Reason.COMPLETED
    assert [int(number) for number in attempt.printed().split()] == list(range(200_000))
    assert peak < 100 << 20


def test_a_flooded_report(runners: Runners) -> None:
    code = """
import os
fd = os.open(os.environ["GPURUN_REPORT"], os.O_WRONLY)
for _ in range(100): os.write(fd, b"x" * 100_000)
os.write(fd, b'\\n{"kind":"metric","values":{"a":1}}\\n{"kind":"end","outcome":"failed","reason":"signal"}\\n')
for n in range(20_000): os.write(fd, b'{"kind":"metric","step":%d,"values":{"loss":0.5}}\\n' % n)
"""
    attempt = runners.script(code)
    assert attempt.wait().reason is Reason.COMPLETED
    steps = [event.step for event in attempt.events() if getattr(event, "step", None) is not None]
    assert steps == list(range(20_000))
    assert sum(isinstance(event, End) for event in attempt.events()) == 1


# Ends


def test_a_script_can_be_interrupted_like_at_a_terminal(runners: Runners) -> None:
    code = "import time\nprint('up', flush=True)\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('saved')"
    attempt = runners.script(code).start()
    wait_until(lambda: attempt.folder.events.exists() and "up" in attempt.printed())
    stop(attempt)
    assert attempt.wait(8).reason is Reason.CANCELLED_BY
    assert attempt.printed() == "up\nsaved\n"


def test_terminations_at_any_moment_leave_an_exit_record(runners: Runners) -> None:
    """Among them those before the handler is there and those while the end is written."""
    for number in range(1, 13):
        attempt = runners.script("import time; time.sleep(0.05)", run_id=f"r{number}").start()
        assert attempt.process is not None
        wait_until(attempt.folder.runner.exists)
        while attempt.process.poll() is None:
            os.kill(attempt.process.pid, signal.SIGTERM)
            try:
                attempt.process.wait(0.004 * number)
            except subprocess.TimeoutExpired:
                continue
        assert attempt.wait().outcome in (Outcome.CANCELLED, Outcome.SUCCEEDED)


def test_a_small_fork_bomb(runners: Runners) -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("boom", flush=True)
end = time.time() + 20
while time.time() < end:
    try:
        if len([p for p in os.listdir("/proc") if p.isdigit()]) < 300 and os.fork() == 0: os.setsid()
    except OSError: pass
    time.sleep(0.002)
"""
    attempt = runners.script(code).start()
    wait_until(lambda: attempt.folder.events.exists() and "boom" in attempt.printed())
    stop(attempt, kill=True)
    assert attempt.wait(30).reason is Reason.CANCELLED_BY
    assert [process for process in psutil.process_iter() if marked(process, "r1/1", runners)] == []


def test_what_holds_the_terminal_open_does_not_keep_a_run_from_ending(runners: Runners) -> None:
    code = "import subprocess\nsubprocess.Popen(['sleep', '60'], start_new_session=True)"
    assert runners.script(code).wait(20).reason is Reason.COMPLETED


def test_the_log_begins_with_start_and_nothing_follows_end(runners: Runners) -> None:
    code = "from gpurun_jupyter import report\nreport.log(a=1)\nprint('x')"
    attempt = runners.script(code, devices=[Device("cpu0", "cpu", 0)])
    end = attempt.wait()
    first, *_, last = attempt.events()
    assert isinstance(first, Start)
    assert isinstance(last, End)
    assert (last.reason, first.devices) == (end.reason, ["cpu0"])
    assert not attempt.folder.reserve.exists()


def stop(attempt, *, kill: bool = False) -> None:
    write_json(attempt.folder.stop, Stop("r1", 1, "anna", kill))
    os.kill(attempt.process.pid, signal.SIGTERM)


def marked(process: psutil.Process, key: str, runners: Runners) -> bool:
    try:
        env = process.environ()
    except psutil.Error:
        return False
    ours = env.get("GPURUN_CHECKPOINT_DIR", "").startswith(str(runners.home.path))
    return ours and env.get("GPURUN_ATTEMPT") == key and process.status() != psutil.STATUS_ZOMBIE
