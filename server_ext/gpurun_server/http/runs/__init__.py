"""Runs over HTTP: submitted, listed, read, compared."""
