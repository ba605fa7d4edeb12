"""At random moments a run damages its own folder in a random way, while others are at work: these lose nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from chaos.scene import LINES, PAUSE_S, Scene

RUN_S = LINES * PAUSE_S

#: Carried out in the run's own process: what to do to a random place of its folder.
POISON = """
import os, pathlib, random, shutil, time
chance, folder = random.Random({seed!r}), pathlib.Path.cwd().parent
print("poison", flush=True)
time.sleep({after_s})
for _ in range(chance.randint(1, 3)):
    path = chance.choice([*folder.rglob("*"), folder, folder.parent, folder.parent.parent, folder / "exit.json"])
    act = chance.choice(["append", "overwrite", "truncate", "remove", "folder", "fifo", "link", "mode", "holes"])
    print(act, path.relative_to(folder.parent.parent.parent), flush=True)
    try:
        if act in ("append", "overwrite"):
            with open(path, "ab" if act == "append" else "r+b") as file:
                file.write(chance.randbytes(chance.randint(1, 5000)) + chance.choice([b"", b"\\n"]))
        elif act in ("truncate", "holes"):
            os.truncate(path, 2**34 if act == "holes" else path.stat().st_size // 2)
        elif act == "mode":
            path.chmod(0)
        else:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            if act == "folder":
                path.mkdir()
            elif act == "fifo":
                os.mkfifo(path)
            elif act == "link":
                path.symlink_to(chance.choice(["/dev/zero", "/", path.name, "/nowhere"]))
    except OSError as error:
        print(error, flush=True)
print("done", flush=True)
time.sleep({stay_s})
"""

moments = pytest.mark.parametrize("moments", [4, pytest.param(30, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("poison"))
    scene.server.start()
    yield scene
    scene.server.close()


@moments
def test_a_run_that_damages_its_own_folder_costs_others_nothing(scene: Scene, moments: int) -> None:
    for moment in scene.moments(moments, "poison", RUN_S):
        chance = random.Random(f"poison {moments} {moment.number}")
        stay_s = chance.choice([0, 0, 600])
        fields = {"session": f"poisoned {moment.number}"} if chance.random() < 0.3 else {}
        seed = f"{moments} {moment.number}"
        code = POISON.format(seed=seed, after_s=moment.after_s, stay_s=stay_s)
        poison = scene.server.submit(code, **fields)
        others = [scene.submit(), scene.submit()]
        for other in others:
            scene.succeeded(other)
        if stay_s:
            answer = scene.server.http.post(f"runs/{poison}/cancel", json={"kill": chance.random() < 0.5})
            assert answer.status_code in (200, 409), answer.text
        run = scene.server.wait(poison, timeout_s=60)
        print(f"    {run['outcome']}, {run['reason']}: {run['message']}")
        for route in ("", "/log", "/log?tail=5", "/search?q=a", "/metrics", "/files", "/history", "/outputs"):
            answer = scene.server.http.get(f"runs/{poison}{route}")
            assert answer.status_code < 500, (route, answer.text)
        assert scene.server.http.delete(f"runs/{poison}").status_code == 200
        for session in scene.server.http.get("sessions").json()["sessions"]:
            scene.server.http.post(f"sessions/{session['name']}/end")
        scene.nothing_is_left()
