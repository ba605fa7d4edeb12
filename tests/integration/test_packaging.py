"""The wheel in a fresh environment without node: everything is enabled, nothing is to be configured."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from pathlib import Path

from foreign.environments import install
from servers import isolated_environment

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_the_wheel_holds_both_packages_and_the_built_front_end(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "gpurun_jupyter/static/widget.js",
        "gpurun_server/store/migrations/versions/0001_first.py",
        "share/jupyter/labextensions/gpurun-lab/package.json",
        "share/jupyter/labextensions/gpurun-lab/install.json",
        "etc/jupyter/jupyter_server_config.d/gpurun_server.json",
        "licenses/LICENSE",
    ):
        assert any(name.endswith(part) for name in names), part
    assert not any("node_modules" in name or "tests/" in name for name in names)


def test_installed_without_node_everything_is_enabled(wheel: Path, tmp_path: Path) -> None:
    programs = install(tmp_path / "venv", str(wheel))
    env = isolated_environment(tmp_path) | {"PATH": os.pathsep.join((str(programs), "/usr/bin", "/bin"))}
    env["PATH"] = without_node(env["PATH"], tmp_path)

    def out(*command: str) -> str:
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
        return " ".join(ANSI.sub("", done.stdout + done.stderr).split())

    assert "gpurun_server enabled" in (listed := out("jupyter", "server", "extension", "list"))
    assert "gpurun_server 0.1.0 OK" in listed
    assert "gpurun-lab v0.1.0 enabled OK" in out("jupyter", "labextension", "list")
    magic = "%load_ext gpurun_jupyter\nprint('gpurun' in get_ipython().magics_manager.magics['cell'])"
    (tmp_path / "load.ipy").write_text(magic)
    assert "True" in out("ipython", "--simple-prompt", "load.ipy")
    assert "submit" in out("gpurun", "--help")
    assert "gpurun" in out("jupyter", "gpurun", "--help")


def without_node(path: str, folder: Path) -> str:
    """The same search path, but directories that hold a node are replaced by one with links to everything else."""
    kept = []
    for directory in map(Path, path.split(os.pathsep)):
        if not (directory / "node").exists():
            kept.append(str(directory))
            continue
        links = folder / f"without-node-{len(kept)}"
        links.mkdir()
        for program in directory.iterdir():
            if program.name not in ("node", "npm", "npx", "corepack"):
                (links / program.name).symlink_to(program)
        kept.append(str(links))
    return os.pathsep.join(kept)
