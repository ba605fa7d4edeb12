"""What must go on when something is killed: kill -9 of the server, of the agent, of the runner; Jupyter closed."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator

import psutil
import pytest
from servers import JupyterServer, wait_until

NUMBERED = "import time\nfor n in range({lines}):\n    print(f'line {{n}}', flush=True)\n    time.sleep({pause})"


def numbers(log: str) -> list[int]:
    return [int(number) for number in re.findall(r"^line (\d+)$", log, re.MULTILINE)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server with one CPU slot. A test that ends it starts it again."""
    made = JupyterServer(tmp_path_factory.mktemp("survival"))
    made.env["GPURUN_CPU_SLOTS"] = "1"
    yield made.start()
    made.close()


def test_a_run_goes_on_while_the_killed_server_is_away_for_12_s(server: JupyterServer) -> None:
    run_id = server.submit(NUMBERED.format(lines=130, pause=0.15))
    wait_until(lambda: len(numbers(server.log(run_id))) > 5)
    server.kill()
    time.sleep(12)  # the outage itself is what is tested
    server.start()
    assert len(numbers(server.log(run_id))) > 60
    run = server.wait(run_id)
    assert run["outcome"] == "succeeded"
    assert numbers(server.log(run_id)) == list(range(130))


def test_the_queue_goes_on_while_jupyter_is_closed(server: JupyterServer) -> None:
    first = server.submit("import time; time.sleep(4)", name="first")
    server.wait(first, "running")
    second, third = (server.submit(f"print('{name}')", name=name) for name in ("second", "third"))
    assert "cpu0 is held by «first»" in server.run(second)["waiting"]["why"]
    server.stop()
    wait_until((server.home / "runs" / third / "attempts" / "1" / "exit.json").exists, 40)
    server.start()
    for run_id in (first, second, third):
        assert server.wait(run_id, timeout_s=10)["outcome"] == "succeeded"


def test_a_killed_agent_finds_its_runs_again(server: JupyterServer) -> None:
    run_id = server.submit(NUMBERED.format(lines=80, pause=0.1))
    wait_until(lambda: len(numbers(server.log(run_id))) > 5)
    before = server.agent()
    assert before is not None
    server.end_agent(signal.SIGKILL)
    after = wait_until(server.agent)
    assert after.pid != before.pid
    assert server.wait(run_id)["outcome"] == "succeeded"
    assert numbers(server.log(run_id)) == list(range(80))
    assert server.run(run_id)["attempt"] == 1


def test_a_killed_runner_ends_its_run_with_a_prefix_of_its_log(server: JupyterServer) -> None:
    run_id = server.submit(NUMBERED.format(lines=600, pause=0.05))
    wait_until(lambda: len(numbers(server.log(run_id))) > 10)
    runner = next(process for process in server.run_processes() if "gpurun_jupyter.agent.runner" in process.cmdline())
    runner.kill()
    run = server.wait(run_id, timeout_s=20)
    assert (run["outcome"], run["reason"]) == ("failed", "runner_killed")
    seen = numbers(server.log(run_id))
    assert seen == list(range(len(seen)))
    assert seen
    assert server.run_processes() == []


def test_an_agent_without_work_and_without_server_leaves(server: JupyterServer) -> None:
    server.wait(server.submit("1"))
    agent = server.agent()
    assert agent is not None
    server.stop()
    agent.send_signal(signal.SIGTERM)
    assert psutil.wait_procs([agent], timeout=10)[1] == []
    server.start()
    assert server.wait(server.submit("2"))["outcome"] == "succeeded"
