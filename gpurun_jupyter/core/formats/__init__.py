"""Formats of files that gpurun shares with other programs."""
