"""Tokens and keys on their way into an HTTP header."""

from __future__ import annotations

from gpurun_jupyter.core.errors import InvalidRequest

_PRINTED = range(0x21, 0x7F)


def sendable(token: str, hint: str) -> str:
    """The token without the white space around it. Raises InvalidRequest for one that no header takes.

    RFC 6750, section 2.1: letters, digits and some signs, all of ASCII. The token itself is not told.
    """
    token = token.strip()
    if all(ord(character) in _PRINTED for character in token):
        return token
    raise InvalidRequest("The token holds characters other than ASCII's letters, digits and signs.", hint)
