"""Hashes of judges and of data, as they are printed."""

from __future__ import annotations


def short(sha256: str) -> str:
    """As much of a hash as is shown beside a score: files, which are compared by programs, keep all of it.

    >>> from minigan.metrics.hashes import short
    >>> short(mg.metrics.load_judge("report").sha256)
    '33c2feb89469'
    """
    return sha256[:12]
