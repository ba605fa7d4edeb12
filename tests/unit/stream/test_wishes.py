"""What a client of the live connection asks for, as it is read from its message."""

from __future__ import annotations

from gpurun_server.stream.wishes import Unwatch, Watch, wish_in


def test_what_is_asked_for_does_not_follow_from_the_name_of_the_run() -> None:
    assert wish_in('{"watch":"run","run":"unwatch"}') == Watch("run", "unwatch")
    assert wish_in('{"unwatch":"run","run":"watch"}') == Unwatch("run", "watch")
