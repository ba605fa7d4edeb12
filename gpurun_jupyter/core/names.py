"""What names and texts may be: patterns for msgspec and, in openapi.json, for everybody.

They end in `$(?!\\n)` because to Python `$` also is the place before a last newline; to others it says nothing more.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f/\\]+$(?!\n)")]
#: A text that every database takes.
Text = Annotated[str, msgspec.Meta(max_length=10_000, pattern=r"^[^\x00]*$")]
#: The name of a run; those of a sweep are NAME/1, NAME/2.
RunName = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f/\\]+(/[0-9]+)?$(?!\n)")]
