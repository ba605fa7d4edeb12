"""The value of a secret is asked for where somebody sits, unseen, and nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel
from servers import isolated_environment, wait_until

ASK = (
    "from gpurun_jupyter.client.secrets import with_values\nprint(len(with_values(['KEY_OF_NOBODY'])['KEY_OF_NOBODY']))"
)


def test_a_terminal_asks_and_shows_nothing_of_it() -> None:
    terminal, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ASK], stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    )
    os.close(inner)
    shown = b""

    def asks() -> bool:
        nonlocal shown
        shown += os.read(terminal, 1000)
        return b"Value of the secret KEY_OF_NOBODY: " in shown

    wait_until(asks)
    os.write(terminal, b"s3cret\n")
    assert process.wait(20) == 0
    shown += os.read(terminal, 1000)
    os.close(terminal)
    assert b"6" in shown
    assert b"s3cret" not in shown


def test_a_program_is_told_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert "There is no value for the secret KEY_OF_NOBODY" in done.stderr


def test_a_notebook_asks_where_it_has_a_front_end(tmp_path: Path) -> None:
    manager, client = start_new_kernel(kernel_name="python3", env=isolated_environment(tmp_path))
    said: list[str] = []

    def listen(message: dict[str, Any]) -> None:
        content = message["content"]
        said.append(content.get("text", "") or content.get("evalue", ""))

    def answer(message: dict[str, Any]) -> None:
        assert message["content"]["password"]
        client.input("s3cret")

    try:
        client.execute_interactive(ASK, allow_stdin=True, stdin_hook=answer, output_hook=listen, timeout=30)
        assert "".join(said).strip() == "6"
        client.execute_interactive(ASK, allow_stdin=False, output_hook=listen, timeout=30)
        assert "There is no value for the secret KEY_OF_NOBODY." in "".join(said)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
