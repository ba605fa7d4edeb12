"""What was accepted by an earlier gpurun is read, whatever would be refused today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gpurun_jupyter.core.home import Home
from gpurun_server.store.folders.records import read
from gpurun_server.store.queries import decode_spec


def test_names_that_end_in_a_newline_are_read_without() -> None:
    spec = decode_spec(
        json.dumps({"code": "1", "name": "x\n", "project": "p\n", "tags": ["t\n"], "after": ["a\n"], "on": "h\n"})
    )
    assert (spec.name, spec.project, spec.tags, spec.after, spec.on) == ("x", "p", ["t"], ["a"], "h")


def test_names_of_one_or_two_dots_are_read_as_others() -> None:
    spec = decode_spec(json.dumps({"code": "1", "name": "..", "session": ".", "after": ["./2"]}))
    assert (spec.name, spec.session, spec.after) == ("__", "_", ["_/2"])


def test_a_record_of_an_earlier_gpurun_is_read(tmp_path: Path) -> None:
    folder = Home(tmp_path).run("k3f9x2ab")
    folder.path.mkdir(parents=True)
    told = {"id": "k3f9x2ab", "name": ".", "project": "p", "owner": "anna", "gpu": 0, "created_at": 1.0}
    folder.record.write_text(json.dumps({**told, "spec": {"code": "1", "name": "."}}))
    assert (read(folder).name, read(folder).spec.name) == (".", "_")
    folder.record.write_text(json.dumps({**told, "spec": {"code": 1}}))
    with pytest.raises(ValueError, match="code"):
        read(folder)


def test_more_than_a_run_may_say_today_is_read() -> None:
    assert len(decode_spec(json.dumps({"code": "1", "env": {f"E{n}": "" for n in range(5000)}})).env) == 5000
