"""A second host on this one: a network namespace, and between it and this one a cable that can be cut.

The cable is a bridge in a namespace of its own. While its plug is pulled, both ends still see a carrier and no packet
comes through: silence, as with a pulled cable somewhere on the way. Needs root and iproute2.
"""

from __future__ import annotations

import os
import shutil
import subprocess


class Cable:
    """The cable and the far host. `here` and `there` are the addresses; `inside` stands before commands over there."""

    def __init__(self) -> None:
        number = os.getpid() % 60_000
        self._far, self._bridge, self._near_end = f"gpurun-far-{number}", f"gpurun-cable-{number}", f"gpurun{number}"
        network = f"10.{77 + number // 250}.{number % 250}" if number < 40_000 else f"172.29.{number % 250}"
        self.here, self.there = f"{network}.1", f"{network}.2"
        self.inside = ("nsenter", f"--net=/var/run/netns/{self._far}")

    @staticmethod
    def can_be_laid() -> bool:
        """Whether this host lets us."""
        return os.geteuid() == 0 and shutil.which("ip") is not None

    def lay(self) -> Cable:
        """Make all of it."""
        for name in (self._far, self._bridge):
            _ip("netns", "add", name)
        self._in_bridge("link", "add", "bridge", "type", "bridge")
        _ip("link", "add", self._near_end, "type", "veth", "peer", "name", "near", "netns", self._bridge)
        self._over_there("link", "add", "eth0", "type", "veth", "peer", "name", "far", "netns", self._bridge)
        for end in ("near", "far"):
            self._in_bridge("link", "set", end, "master", "bridge", "up")
        self._in_bridge("link", "set", "bridge", "up")
        _ip("addr", "add", f"{self.here}/24", "dev", self._near_end)
        _ip("link", "set", self._near_end, "up")
        self._over_there("addr", "add", f"{self.there}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            self._over_there("link", "set", device, "up")
        return self

    def cut(self) -> None:
        """Nothing comes through any more."""
        self._in_bridge("link", "set", "far", "nomaster")

    def heal(self) -> None:
        """Everything comes through again."""
        self._in_bridge("link", "set", "far", "master", "bridge")

    def remove(self) -> None:
        """Take all of it away."""
        subprocess.run(["ip", "link", "del", self._near_end], capture_output=True)
        for name in (self._far, self._bridge):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def _in_bridge(self, *words: str) -> None:
        _ip("-n", self._bridge, *words)

    def _over_there(self, *words: str) -> None:
        _ip("-n", self._far, *words)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
