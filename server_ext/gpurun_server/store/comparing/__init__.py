"""Runs beside each other: what differs, and which one was before."""
