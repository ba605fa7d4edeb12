"""Keeps a release for tests, once and for ever: `python tests/releases/make.py NAME [CHECKOUT]`.

NAME/ gets `packages.tar.xz` (what a wheel of the checkout installs, without what browsers need), `home.tar.xz` (a state
directory that it left) and `told.json` (what it said of that).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from servers import TOKEN, JupyterServer, end_session  # noqa: E402 - found beside this file

from gpurun_jupyter.client import Client  # noqa: E402

_TRAIN = """
import pathlib
from gpurun_jupyter import report
for step, acc in enumerate((0.25, 0.5, 0.75)):
    print(f"step {step}: acc {acc}")
    report.log(step=step, acc=acc, loss=1 - acc)
pathlib.Path("weights.txt").write_text("0.75")
report.checkpoint("weights.txt", step=2)
report.save_model("weights.txt", name="kept", acc=0.75)
"""
#: Whose runs they are, whoever makes a release or tests it.
OWNER = "anna"
#: What of a run has to stay as it was; a newer server may say more.
FIELDS = ("id", "name", "project", "kind", "state", "outcome", "reason", "tags", "priority", "metrics", "created_at")
#: Answers that are compared as a whole.
WHOLE = ("runs/{id}/log", "runs/{id}/history", "runs/{id}/metrics", "runs/{id}/files")


def main() -> None:
    """Keep a release."""
    name, checkout = sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else HERE.parents[1])
    folder = HERE / name
    folder.mkdir()
    _pack_packages(checkout, folder / "packages.tar.xz")
    with tempfile.TemporaryDirectory() as made:
        unpack(folder / "packages.tar.xz", Path(made) / "packages")
        server = JupyterServer(Path(made), migrated=False)
        server.env |= {"PYTHONPATH": str(Path(made) / "packages"), "LOGNAME": OWNER}
        server.start()
        try:
            _use(server, Path(made))
            (folder / "told.json").write_text(json.dumps(told(server), indent=1, sort_keys=True) + "\n")
        finally:
            server.stop()
            server.end_agent()
        with tarfile.open(folder / "home.tar.xz", "w:xz") as archive:
            archive.add(server.home, "home", filter=_kept)
        server.close()


def unpack(archive: Path, to: Path) -> None:
    """Unpack one of a release's archives."""
    with tarfile.open(archive) as opened:
        opened.extractall(to, filter="data")


def told(server: JupyterServer) -> dict[str, Any]:
    """What a server says of everything in its state directory."""

    def asked(route: str) -> Any:
        answer = server.http.get(route)
        return answer.text if route.endswith("/log") else answer.json()

    runs = {run["id"]: {field: run[field] for field in FIELDS if field in run} for run in asked("runs")["runs"]}
    answers = {route.format(id=id_): asked(route.format(id=id_)) for id_ in sorted(runs) for route in WHOLE}
    return {"runs": runs, "models": asked("models/kept"), "data": asked("data"), "answers": answers}


def _use(server: JupyterServer, folder: Path) -> None:
    """Leave something of every kind."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "points.csv").write_text("1,2\n")
    with Client(server.url, TOKEN) as client:
        client.upload_data(folder / "data" / "points.csv", "points")
        (folder / "train.py").write_text(_TRAIN)
        client.submit_dir(folder / "train.py", tags=["kept"], project="digits", data=["points"]).wait()
    server.wait(server.submit("print('한글 ✓')\n1 / 0", name="fails", env={"SEED": "1"}))
    server.wait(server.submit("x = 6\nprint(x * 7)", name="in a session", session="warm"))
    server.wait(server.submit("answer = 42", name="variables", outputs=["answer"]))
    gone = server.submit("print('gone')", name="deleted")
    server.wait(gone)
    server.http.delete(f"runs/{gone}").raise_for_status()
    server.submit("print('later')", name="on hold", hold=True)
    end_session(server, "warm")


def _pack_packages(checkout: Path, to: Path) -> None:
    with tempfile.TemporaryDirectory() as built:
        command = [sys.executable, "-m", "build", "--wheel", "--installer=uv", f"--outdir={built}", str(checkout)]
        subprocess.run(command, check=True, capture_output=True)
        (wheel,) = Path(built).glob("*.whl")
        shutil.unpack_archive(wheel, Path(built) / "packages", "zip")
        with tarfile.open(to, "w:xz") as archive:
            archive.add(Path(built) / "packages", ".", filter=_code)


def _code(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if ".data" in member.name or "/static" in member.name else _plain(member)


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Files and folders; FIFOs, what tells of processes that have ended and of where they ran, are left out."""
    gone = {"agent.json", "agent.lock", "agent.log", "files.lock", "bells", "report", "reserve", "environments"}
    left = not gone & {*member.name.split("/")[1:2]} and not member.name.endswith("/environment.json")
    return _plain(member) if (member.isfile() or member.isdir()) and left else None


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main()
