"""Numbers, and lists of words, as a reader sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_RAISED = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(x: Any, form: str = ".4g") -> str:
    """In this form of Python's, with a minus sign that can be seen in place of a hyphen, and no minus before 0.

    >>> from minigan.lab.page import number
    >>> number(-0.123456), number(-0.0), number(-2, ".1f")
    ('−0.1235', '0', '−2.0')
    """
    return f"{float(x) + 0.0:{form}}".replace("-", "−")


def power(x: float) -> str:
    """Of a tick: short, whatever the size.

    >>> from minigan.lab.page.numbers import power
    >>> power(0.05), power(100.0), power(1e-7), power(-2e5)
    ('0.05', '100', '10⁻⁷', '−2·10⁵')
    """
    if 1e-3 <= abs(x) < 1e4 or x == 0:
        return number(x, "g")
    digits, exponent = f"{x:.0e}".split("e")
    raised = f"10{number(exponent, 'g').translate(_RAISED)}"
    return {"1": raised, "-1": f"−{raised}"}.get(digits, f"{number(digits, 'g')}·{raised}")


def listed(words: Sequence[str]) -> str:
    """The words as a list in a sentence.

    >>> from minigan.lab.page import listed
    >>> listed(["z"]), listed(["G", "D"]), listed(["1", "2", "3"])
    ('z', 'G and D', '1, 2 and 3')
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
