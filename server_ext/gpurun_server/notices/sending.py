"""Sending by apprise, which knows the services. Its URLs hold secrets: what is said of a failure is cleaned of them."""

from __future__ import annotations

import logging
import re
import threading
from urllib.parse import unquote

from gpurun_jupyter.core.errors import GpurunError

INSTALL = "pip install 'gpurun-jupyter[notices]'"
_SHORTEST = 3  # characters of a part of a URL that may be a secret


class NotSent(GpurunError):
    """A notice did not reach its service."""

    code = "notice_not_sent"
    status = 502


class Target:
    """The service that a URL leads to. Raises NotSent where apprise is missing or does not know the URL."""

    def __init__(self, url: str) -> None:
        try:
            import apprise
        except ImportError:
            raise NotSent(
                "Notices need apprise, which is not installed.", f"Where the server runs: {INSTALL}"
            ) from None
        with _Silence():
            service = apprise.Apprise.instantiate(url)
        if service is None:
            hint = "https://github.com/caronc/apprise/wiki has the form of each service's URL."
            raise NotSent(f"{_scheme(url)}... is not a URL that apprise knows.", hint)
        self.service = str(service.service_name)
        self._url, self._service = url, service

    def send(self, title: str, text: str) -> None:
        """Send; takes seconds where nobody answers. Raises NotSent."""
        with _Silence() as said:
            try:
                sent = self._service.notify(body=text, title=title)
            except Exception as error:  # noqa: BLE001 - a hundred services, each with code of its own
                sent, said.last = False, f"{type(error).__name__}: {error}"
        if not sent:
            raise NotSent(f"{self.service} did not take it: {redacted(said.last or 'it gave no reason.', self._url)}")


def redacted(text: str, url: str) -> str:
    """A text without any part of a URL but its scheme."""
    parts = re.split(r"[/:@?&=,;]+", url.partition("://")[2])
    # the longest first: a short one may stand within it, and would leave the rest readable
    for part in sorted({*parts, *map(unquote, parts)}, key=len, reverse=True):
        if len(part) >= _SHORTEST:
            text = text.replace(part, "***")
    return text


def _scheme(url: str) -> str:
    return f"{url.partition('://')[0]}://" if re.match(r"[a-z0-9]+://", url) else ""


class _Silence(logging.Handler):
    """While it is entered, apprise's log comes here and nowhere else: it names URLs. Keeps the last warning."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last, self._thread = "", threading.get_ident()

    def __enter__(self) -> _Silence:
        self._logger = logging.getLogger("apprise")
        self._logger.propagate = False  # for good: other threads may be sending
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take down what this thread is told."""
        if record.thread == self._thread:  # others may be sending, and hear of theirs
            self.last = record.getMessage()
