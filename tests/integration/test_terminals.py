"""The command line as people have it: any encoding, a closed or full output, proxies in the environment."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest
from servers import BIN, TOKEN, JupyterServer, wait_until

SOCKS = {"ALL_PROXY": "socks5://127.0.0.1:9"}
POSIX = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SAYS = "print('█✓ 학습 done')"


class Terminal:
    """Runs command lines in a directory of its own; stdout and stderr are bytes."""

    def __init__(self, server: JupyterServer, folder: Path, **variables: str) -> None:
        folder.mkdir(exist_ok=True)
        named = {"GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}
        foreign = ("LC_", "LANG", "PYTHONIOENCODING", "PYTHONUTF8", "ALL_PROXY", "http_proxy", "no_proxy")
        env = {name: value for name, value in server.env.items() if not name.startswith(foreign)}
        self.folder, self.env = folder, env | named | variables
        self.types = "cp949" if "LOCPATH" in variables else "utf-8"

    def __call__(self, line: str) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line.encode(self.types)],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            timeout=120,
        )
        assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode(errors="replace")
        return done

    def says(self, line: str) -> bytes:
        done = self(line)
        assert done.returncode == 0, (line, done.stderr.decode(errors="replace"))
        return done.stdout


@pytest.fixture(scope="module")
def korean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with CP949: a locale of that charset where one can be made, else the encoding alone."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef"):
        making = ["localedef", "--no-archive", "-c", "-i", "ko_KR", "-f", "CP949", str(folder / "ko_KR.CP949")]
        subprocess.run(
            making, capture_output=True, check=False
        )  # it warns of signs that the locale has and CP949 has not
    if (folder / "ko_KR.CP949" / "LC_CTYPE").exists():
        return {"LOCPATH": str(folder), "LC_ALL": "ko_KR.CP949", "PYTHONUTF8": "0"}
    return {"PYTHONIOENCODING": "cp949"}


def _is_connected(pid: int, port: int) -> bool:
    connections = psutil.Process(pid).net_connections()
    return any(one.raddr and one.raddr.port == port for one in connections)


def a_session(terminal: Terminal, name: str) -> bytes:
    """What somebody does in a terminal, from the first run to its deletion; returns what the run is shown to say."""
    (terminal.folder / "train.py").write_text(SAYS)
    (terminal.folder / "sweep.gpurun.yaml").write_text("code: print(n)\ngpu: 0\nvalues: {n: [1, 2]}\n")
    submit = f"gpurun submit train.py --dir . --gpu 0 --name {name} --tag 학습"
    live = terminal.says(f"{submit} --wait")
    assert terminal.says(f"gpurun logs {name}") == live
    assert terminal.says(f"gpurun logs {name} -f") == live
    assert json.loads(terminal.says(f"{submit} --wait --json"))["outcome"] == "succeeded"
    assert json.loads(terminal.says(f"gpurun status {name} --json"))["tags"]
    for line in (
        "gpurun --help",
        "gpurun submit --help",
        f"{submit} --dry-run",
        f"gpurun wait {name}",
        f"gpurun status {name}",
        "gpurun status",
        "gpurun runs",
        "gpurun runs --csv",
        f"gpurun compare {name} last",
        "gpurun devices",
        "gpurun sessions",
        "gpurun sweep sweep.gpurun.yaml --wait",
        "gpurun projects",
        "gpurun stats",
        "gpurun models list",
        f"gpurun files {name}",
        f"gpurun export {name} -o out.ipynb",
        f"gpurun rerun {name} --wait",
        f"gpurun delete {name}",
    ):
        terminal.says(line)
    assert terminal("gpurun doctor").returncode in (0, 1)  # something may be wrong here: it says what
    assert terminal("gpurun status nothing").returncode == 2
    return live


@pytest.mark.parametrize("fields", [{}, {"env": {"PYTHONHASHSEED": "0"}}])
def test_a_run_prints_utf8_whatever_its_agent_was_started_in(
    make_server, tmp_path: Path, korean: dict[str, str], fields: dict[str, object]
) -> None:
    prints = f"{SAYS}\nimport subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(chr(0x2588))'], check=True)"
    (tmp_path / "p.py").write_text(prints)
    for number, strange in enumerate([{"PYTHONIOENCODING": "ascii"}, korean]):
        server: JupyterServer = make_server(f"server-{number}")
        server.env |= strange
        server.start()
        cell = server.submit(prints, **fields)
        seed = "--env PYTHONHASHSEED=0" if fields else ""
        said = Terminal(server, tmp_path / "t").says(f"gpurun submit ../p.py --gpu 0 --wait {seed}")
        assert said.decode() == "█✓ 학습 done\n█\n"
        assert server.wait(cell)["outcome"] == "succeeded"
        assert {"█✓ 학습 done", "█"} <= set(server.log(cell).splitlines())


def test_a_session_in_ascii_with_a_socks_proxy(server: JupyterServer, tmp_path: Path) -> None:
    terminal = Terminal(server, tmp_path, PYTHONIOENCODING="ascii", **SOCKS)
    assert a_session(terminal, "in-ascii") == b"\\u2588+ \\ud559\\uc2b5 done\n"


def test_a_session_in_a_korean_locale(server: JupyterServer, tmp_path: Path, korean: dict[str, str]) -> None:
    assert a_session(Terminal(server, tmp_path, **korean), "in-cp949") == "\\u2588+ 학습 done\n".encode("cp949")


@pytest.mark.parametrize("encoding", ["euc-kr", "cp1252", "utf-16", "utf-8"])
def test_what_an_encoding_lacks_is_written_in_plain_letters(
    server: JupyterServer, tmp_path: Path, encoding: str
) -> None:
    terminal = Terminal(server, tmp_path, PYTHONIOENCODING=encoding)
    (tmp_path / "p.py").write_text(SAYS)
    said = terminal.says("gpurun submit p.py --gpu 0 --wait").decode(encoding)
    assert said.endswith(" done\n")
    assert ("█✓ 학습" in said) == encoding.startswith("utf")


def test_a_locale_that_is_none(server: JupyterServer, tmp_path: Path) -> None:
    terminal = Terminal(server, tmp_path, **POSIX)
    terminal.says("gpurun runs")
    refused = terminal("gpurun status 학습")
    assert refused.returncode == 2
    assert b"LC_ALL=C.UTF-8" in refused.stderr


@pytest.mark.parametrize("command", ["runs", "runs --json", "logs of-full", "logs of-full -f", "--help", "devices"])
def test_a_full_output_is_said_and_is_no_failed_run(server: JupyterServer, tmp_path: Path, command: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    terminal = Terminal(server, tmp_path)
    (tmp_path / "p.py").write_text(SAYS)
    terminal.says("gpurun submit p.py --gpu 0 --wait --name of-full")
    done = terminal(f"gpurun {command} > /dev/full")
    assert done.returncode == 4
    assert done.stderr.decode() == "gpurun: Standard output cannot be written to: No space left on device.\n"


@pytest.mark.parametrize("end", [0, 3])
@pytest.mark.parametrize("lost", ["> /dev/full", ">&-", "--json > /dev/full", "| head -c 1"])
def test_who_waits_hears_how_the_run_ended_whatever_becomes_of_the_output(
    server: JupyterServer, tmp_path: Path, lost: str, end: int
) -> None:
    terminal = Terminal(server, tmp_path)
    (tmp_path / "p.py").write_text(f"print('x' * 300_000, flush=True)\nraise SystemExit({end})")
    assert terminal(f"gpurun submit p.py --gpu 0 --wait {lost}").returncode == bool(end)
    assert terminal(f"gpurun wait last {lost.replace('--json', '')}").returncode == bool(end)
    (tmp_path / "s.gpurun.yaml").write_text(f"code: raise SystemExit({end})\ngpu: 0\nvalues: {{n: [1, 2]}}\n")
    assert terminal(f"gpurun sweep s.gpurun.yaml --wait {lost}").returncode == bool(end)


def test_who_has_read_enough_is_left_at_once(server: JupyterServer, tmp_path: Path) -> None:
    go = tmp_path / "go"
    run = server.submit(
        f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): print('x' * 100); time.sleep(0.01)", gpu=0
    )
    done = Terminal(server, tmp_path)(f"gpurun logs -f {run} | head -n 2")
    assert server.run(run)["state"] != "finished"
    go.touch()
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    assert server.wait(run)["outcome"] == "succeeded"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", "2> /dev/full"])
def test_closed_streams(server: JupyterServer, tmp_path: Path, closed: str) -> None:
    terminal = Terminal(server, tmp_path)
    assert terminal(f"gpurun devices {closed}").returncode == 0
    assert terminal(f"gpurun frob {closed}").returncode == 2


@pytest.mark.parametrize(
    "proxy",
    [SOCKS, {"http_proxy": "http://127.0.0.1:9"}, {"no_proxy": "localhost,[::1]"}, {"http_proxy": "http://[::"}],
)
def test_nothing_stands_between_a_terminal_and_its_own_machine(
    server: JupyterServer, tmp_path: Path, proxy: dict[str, str]
) -> None:
    assert b"cpu" in Terminal(server, tmp_path, **proxy).says("gpurun devices")


def test_a_proxy_that_is_dead_is_named(server: JupyterServer, tmp_path: Path) -> None:
    elsewhere = {"GPURUN_URL": "http://lab.example:8888/", "http_proxy": "http://127.0.0.1:9"}
    done = Terminal(server, tmp_path, **elsewhere)("gpurun devices")
    assert done.returncode == 3
    assert b"through the proxy that http_proxy names" in done.stderr


@pytest.mark.parametrize("command", ["devices", "agent join http://127.0.0.1:9/ --token 열쇠"])
def test_a_token_that_no_header_takes(server: JupyterServer, tmp_path: Path, command: str) -> None:
    done = Terminal(server, tmp_path, GPURUN_TOKEN="schlüssel")(f"gpurun {command}")
    assert done.returncode == 2
    assert b"The token holds characters other than ASCII" in done.stderr
    assert "schlüssel" not in done.stderr.decode()


def test_who_waits_is_told_that_the_server_is_away(make_server, tmp_path: Path) -> None:
    server: JupyterServer = make_server().start()
    go = tmp_path / "go"
    run = server.submit(f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.05)", gpu=0)
    said = tmp_path / "said"
    with said.open("wb") as log:
        waiting = subprocess.Popen(
            [BIN / "gpurun", "wait", run], env=Terminal(server, tmp_path / "t").env, stdout=log, stderr=log
        )
    server.wait(run, "running")
    port = int(server.url.rstrip("/").rpartition(":")[2])
    wait_until(lambda: _is_connected(waiting.pid, port), what="for it to listen")
    server.kill()
    wait_until(lambda: b"The server is away" in said.read_bytes(), what="for it to be said")
    server.start()
    wait_until(lambda: b"The server is back." in said.read_bytes(), what="for it to be said")
    go.touch()
    assert waiting.wait(60) == 0
    assert said.read_bytes().count(b"The server is away") == 1
    assert b"succeeded" in said.read_bytes().splitlines()[-1]
