"""The table of verbs in docs/using.md, and what a person does in Python for each."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_ROW = re.compile(r"^\| `(\w+)` \| (.*?) \|", re.MULTILINE)
_EXAMPLE = re.compile(r"`([^`]*gpurun [^`]*)`")
#: What a person does in Python for each verb; the rest is only for terminals.
IN_PYTHON = {
    "submit": "submit_dir",
    "notebook": "submit_notebook",
    "status": "status",
    "runs": "runs",
    "devices": "devices",
    "data": "upload_data",
    "sessions": "sessions",
    "agents": "agents",
    "agent": "invite",
    "projects": "projects",
    "stats": "stats",
    "logs": "Run.logs",
    "attach": "Run.live",
    "wait": "Run.wait",
    "result": "Run.result",
    "cancel": "Run.cancel",
    "start": "Run.start",
    "priority": "Run.change",
    "tag": "Run.change",
    "rerun": "Run.rerun",
    "delete": "Run.delete",
    "files": "Run.download",
    "sweep": "sweep",
    "compare": "compare",
    "models": "models",
    "mlflow": "use_mlflow",
    "import": "import_folder",
    "prune": "prune",
}
ONLY_TYPED = {"export", "decode", "doctor", "server", "completion", "reindex"}


def examples() -> list[tuple[str, str]]:
    """Each verb of the table with each of its examples."""
    table = (ROOT / "docs" / "using.md").read_text().partition("## Verbs")[2].partition("\n## ")[0]
    return [(verb, example) for verb, cell in _ROW.findall(table) for example in _EXAMPLE.findall(cell)]
