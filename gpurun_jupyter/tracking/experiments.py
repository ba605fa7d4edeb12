"""Experiments are projects. Their ids are made of their names, so that every machine knows them without asking."""

from __future__ import annotations

import hashlib
import re

DEFAULT_PROJECT, DEFAULT_ID = "default", "0"
#: What MLflow's clients call the experiment `0`.
_DEFAULT_NAME = "Default"
_DIGITS = 15  # of the ids: as many as JavaScript counts exactly
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f/\\]+")


def experiment_id(project: str) -> str:
    """The id of a project's experiment: digits, as MLflow's own are."""
    if project == DEFAULT_PROJECT:
        return DEFAULT_ID
    digest = hashlib.sha256(project.encode("utf-8", "surrogatepass")).digest()
    return str(10 ** (_DIGITS - 1) + int.from_bytes(digest[:8], "big") % (9 * 10 ** (_DIGITS - 1)))


def project_named(experiment: str) -> str:
    """The project that an experiment's name stands for: that has no slashes, and 100 characters at most."""
    if experiment == _DEFAULT_NAME:
        return DEFAULT_PROJECT
    name = _NOT_IN_NAMES.sub("-", experiment).strip("-")[:100]
    return DEFAULT_PROJECT if name in ("", ".", "..") else name


def experiment_named(project: str) -> str:
    """What clients call a project."""
    return _DEFAULT_NAME if project == DEFAULT_PROJECT else project
