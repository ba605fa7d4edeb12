"""The live connection: who may open it."""

from __future__ import annotations

import re
from types import SimpleNamespace

from gpurun_server.http.live import StreamSocket


def test_an_origin_that_only_begins_like_an_allowed_one_is_foreign() -> None:
    request = SimpleNamespace(headers={"Host": "localhost:8888"})
    page = SimpleNamespace(request=request, allow_origin="", allow_origin_pat=re.compile(r"https://[a-z]+\.ours\.org"))
    allowed = StreamSocket._same_or_allowed
    assert allowed(page, "https://lab.ours.org")  # type: ignore[arg-type]
    assert not allowed(page, "https://lab.ours.org.evil.example")  # type: ignore[arg-type]
