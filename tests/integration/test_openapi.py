"""The interface against its own description, by a tool that knows nothing else of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from servers import BIN, TOKEN, JupyterServer

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
#: Those that wait, those of agents, which want keys, and what the tool cannot make: a zip, an address that fits.
LEFT_OUT = "^/(stream|agents/.*|blobs/zip|metrics)$"


@pytest.mark.long
def test_every_answer_is_as_openapi_json_says(server: JupyterServer, tmp_path: Path) -> None:
    server.wait(server.submit("print(1)"))
    base = str(server.http.base_url).rstrip("/")
    command = [BIN / "schemathesis", "run", f"{base}/openapi.json", "--url", base, f"--checks={CHECKS}"]
    command += ["--header", f"Authorization: token {TOKEN}", "--phases=coverage,fuzzing", "--max-examples=20"]
    command += ["--exclude-path-regex", LEFT_OUT, "--generation-database=none", "--no-color", "--seed=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-10_000:]
    assert "Traceback" not in (server.folder / "server.log").read_text()
