"""Writes docs/op_db.md: python -m tests.op_db.report, in the root of the repository."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from .compare import FLOAT32, LARGEST, outcome
from .operations import OPERATIONS, find

PAGE = Path(__file__).parents[2] / "docs" / "op_db.md"
HEAD = f"""\
# PyTorch's own samples, run on minigan

PyTorch tests its operations on samples that it keeps in `torch.testing._internal.common_methods_invocations.op_db`.
Here minigan runs those of every operation that both have, in float64, and is held to PyTorch's results: shapes, data
types and values, gradients along a random direction, and the gradients of those, with respect to the arguments and to
the direction, all to within 1e-10 (relative and absolute) and at ties, kinks, infinities and NaN, too. Samples are
copied with their strides; what is in the arguments after the call is compared as well. Error inputs must raise one of
minigan's own errors.

PyTorch {{version}}. This page is written by `python -m tests.op_db.report`, and a test holds it to what it writes.

- **samples** are those for tests of autograd plus the reference inputs (broadcast, strided, extreme, large).
- **values, first, second** count the samples that agree, in value, gradient and second-order gradient; a sample has no
  gradient if its result is not floating point, or if a tensor in it has more than {LARGEST:,} elements.
- **errors** are the error inputs that raise, of those that there are.
- **unsupported** are samples and error inputs that minigan has no way to express: the keyword, type or kind of argument
  that it lacks, and refuses. A keyword that is given PyTorch's default says nothing and is left out of the call.
- float32 results (of integers) agree to {FLOAT32:g}.

| operation | samples | values | first | second | errors | unsupported, notes |
|---|---|---|---|---|---|---|
"""


def available():
    """The operations of the list that minigan has by now."""
    return [name for name, operation in OPERATIONS.items() if find(operation.path)]


def missing():
    """Those that it does not have yet."""
    return [name for name, operation in OPERATIONS.items() if not find(operation.path)]


def page():
    """The text of docs/op_db.md."""
    import torch

    names = sorted(available(), key=lambda name: name.removeprefix("nn.functional.").strip("_").lower())
    rows = [_row(name) for name in names]
    total = Counter()
    for name in names:
        total.update(_counts(name))
    version = torch.__version__.partition("+")[0]
    return HEAD.replace("{version}", version) + "\n".join([*rows, _line("**all**", total, "")]) + "\n"


def _counts(name):
    result = outcome(name)
    samples = result.met["samples"] + result.met["reference"]
    return Counter(samples=samples, met=result.met["errors"], **result.passed)


def _row(name):
    return _line(f"`{name}`", _counts(name), "; ".join(_remarks(name)))


def _line(title, counts, remarks):
    numbers = [str(counts[key] or "") for key in ("samples", "values", "first", "second")]
    raised = f"{counts['errors']} of {counts['met']}" if counts["met"] else ""
    return f"| {title} | {' | '.join([*numbers, raised])} | {remarks} |"


def _remarks(name):
    result = outcome(name)
    yield from (f"{label} ({n})" for label, n in sorted(result.unsupported.items()))
    yield from (f"{reason} ({n})" for reason, n in sorted(result.apart.items()))
    if OPERATIONS[name].notes:
        yield OPERATIONS[name].notes


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
