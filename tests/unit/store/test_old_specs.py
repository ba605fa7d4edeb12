"""What was accepted by an earlier gpurun is read, whatever would be refused today."""

from __future__ import annotations

import json

from gpurun_server.store.queries import decode_spec


def test_names_that_end_in_a_newline_are_read_without() -> None:
    spec = decode_spec(
        json.dumps({"code": "1", "name": "x\n", "project": "p\n", "tags": ["t\n"], "after": ["a\n"], "on": "h\n"})
    )
    assert (spec.name, spec.project, spec.tags, spec.after, spec.on) == ("x", "p", ["t"], ["a"], "h")


def test_more_than_a_run_may_say_today_is_read() -> None:
    assert len(decode_spec(json.dumps({"code": "1", "env": {f"E{n}": "" for n in range(5000)}})).env) == 5000
