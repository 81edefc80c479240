"""What benchmarks/published.py found: a line for each row and seed in a file, and the tables of docs/published.md."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import published_legible
from published_legible import FEW, JUDGE, LEGIBLE, MANY
from published_rows import Quantity, Row
from recorded import Result, read

RESULTS = Path(__file__).parent / "results" / "published.jsonl"


def results() -> list[Result]:
    """All that was found so far, the newest last.

    Raises:
        DataError: a line of the file is no whole result.
    """
    return read(RESULTS, "row", "seed", "numbers", "seconds", "machine", "numpy", whole=_whole)


def _whole(result: Result) -> bool:
    numbers = result["numbers"]
    there = isinstance(numbers, dict) and numbers and all(map(_is_number, numbers.values()))
    times = [result[name] for name in ("seconds", "minutes") if name in result]
    counts = [result[name] for name in ("seed", "steps") if name in result]
    return bool(there and all(map(_is_number, times)) and all(type(count) is int for count in counts))


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and not math.isinf(value)  # bool is a kind of int; NaN is the KL of no modes


def newest(row: Row) -> list[Result]:
    """The newest result of each seed, of those with the settings and by the judge that the row has now.

    A training that was stopped after so many minutes is told beside the whole one.
    """
    of_today = filter(row.of_today, (result for result in results() if result["row"] == row.name))
    found = {(result["seed"], result.get("minutes", math.inf)): result for result in of_today}
    return [found[which] for which in sorted(found)]


# ---- text --------------------------------------------------------------------------------------------------


def told(quantity: Quantity, results: Sequence[Result]) -> str:
    """What was found: of one seed with its own error, of several their mean with its standard error."""
    values, form = [result["numbers"][quantity.key] for result in results], quantity.form
    if not values:
        return ""
    if quantity.over_seeds:
        return format(quantity.over_seeds(values), form)
    if len(values) > 1:
        return _mean(values, form)
    errors = [result["numbers"][quantity.error] for result in results if quantity.error]
    return " +- ".join(format(value, form) for value in (*values, *errors))


def _mean(values: Sequence[float], form: str) -> str:
    """With its standard error."""
    error = statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.mean(values):{form}} +- {error:{form}}"


def result_told(result: Result) -> str:
    """The numbers of a row and seed in a line."""
    numbers = ", ".join(f"{key} {value:.6g}" for key, value in result["numbers"].items())
    return f"{result['row']}, seed {result['seed']}, {time_told(result['seconds'])}: {numbers}"


def time_told(seconds: float) -> str:
    """In the unit that suits."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


class Machines:
    """Where results were found, each with a letter."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def letters(self, results: Sequence[Result]) -> str:
        """Of all of them."""
        names = [f"{result['machine']}, NumPy {result['numpy']}" for result in results]
        self.found += [name for name in dict.fromkeys(names) if name not in self.found]
        return ", ".join(sorted({chr(ord("A") + self.found.index(name)) for name in names}))

    def legend(self) -> str:
        """Which letter is which."""
        return "; ".join(f"{chr(ord('A') + i)}: {name}" for i, name in enumerate(self.found))


def table(rows: Sequence[Row]) -> str:
    """Both tables, where the results were found, and which rows have none."""
    machines, found = Machines(), {row.name: newest(row) for row in rows}
    there = [row for row in rows if found[row.name]]
    digits = [row for row in there if row in published_legible.ROWS]
    published = [line for row in there if row not in digits for line in _lines(row, found[row.name], machines)]
    legible = [line for row in digits for line in _legible_lines(row, found[row.name], machines)]
    missing = ", ".join(f"`{row.name}`" for row in rows if row not in there)
    parts = [_markdown(PUBLISHED, published), _markdown(LEGIBLE_DIGITS, legible), *_notes(legible), machines.legend()]
    return "\n\n".join(part for part in (*parts, f"Not run yet: {missing}." if missing else "") if part)


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    first, *rest = (f"| {' | '.join(cells)} |" for cells in (head, *lines))
    return "\n".join([first, "|---" * len(head) + "|", *rest])


PUBLISHED = ("row", "", "published", "to expect", "found", "with seeds", "steps", "time in all", "on")


def _lines(row: Row, results: Sequence[Result], machines: Machines) -> list[list[str]]:
    steps = max((result.get("steps", 0) for result in results), default=0)
    seconds = sum(result["seconds"] for result in results)
    about = [_seeds(results), f"{steps:,}" if steps else "", time_told(seconds), machines.letters(results)]
    lines = [["", each.about, each.published, each.expected, told(each, results), *[""] * 4] for each in row.quantities]
    lines[0][0], lines[0][5:] = f"`{row.name}`", about
    return lines


def _seeds(results: Sequence[Result]) -> str:
    """Which they are, of which several are in a row."""
    first, *more = (result["seed"] for result in results)
    if more and more[-1] - first == len(more):
        return f"{first} to {more[-1]}"
    return ", ".join(map(str, (first, *more)))


JUDGED = f"Scores are those of {MANY:,} samples by the judge for reporting, `{JUDGE}`, as `minigan evaluate` has them."
AT_BEST = (
    f"*At best* is the highest score that {FEW:,} samples had by the judge for selection, by which digits are legible."
)
LEGIBLE_DIGITS = (
    "row", "seed", "legible after", "score, Frechet then, by the other judge", "scored after", "score", "Frechet",
    "rarest class", "class accuracy", "on",
)  # fmt: skip


def _notes(lines: Sequence[Sequence[str]]) -> list[str]:
    if not lines:
        return []
    return [" ".join([JUDGED, *([AT_BEST] if any("at best" in cell for line in lines for cell in line) else [])])]


def _legible_lines(row: Row, results: Sequence[Result], machines: Machines) -> list[list[str]]:
    lines = [[f"`{row.name}`", *_legible_cells(result), machines.letters([result])] for result in results]
    for minutes in dict.fromkeys(result.get("minutes", math.inf) for result in results):
        alike = [result for result in results if result.get("minutes", math.inf) == minutes]
        if len(alike) > 1:
            lines.append([f"`{row.name}`", *_mean_cells(alike), machines.letters(alike)])
    return lines


def _legible_cells(result: Result) -> list[str]:
    numbers = result["numbers"]
    trained = [str(result["seed"]), *_first_cells(result), _end(result)] if "of" in numbers else [""] * 4
    asked = f"{numbers['class_accuracy']:.1%}" if "class_accuracy" in numbers else ""
    return [*trained, f"{numbers['score']:.2f}", f"{numbers['frechet']:.2f}", f"{numbers['rarest']:.1%}", asked]


def _mean_cells(results: Sequence[Result]) -> list[str]:
    """Of several seeds, all stopped after as many minutes or all at their ends."""
    forms = {"score": ".2f", "frechet": ".2f", "rarest": ".1%"}
    means = [_mean([result["numbers"][key] for result in results], form) for key, form in forms.items()]
    return [f"mean of {len(results)}", "", "", _end_of_all(results), *means, ""]


def _first_cells(result: Result) -> list[str]:
    numbers = result["numbers"]
    if "first_step" not in numbers:
        never = "never" if result["steps"] == numbers["of"] else "not by then"
        return [f"{never}: at best {numbers['best']:.2f} of {LEGIBLE:.1f}", ""]
    first = f"{time_told(numbers['first_seconds'])}, {numbers['first_step']:,} steps"
    return [first, f"{numbers['first_score']:.2f}, {numbers['first_frechet']:.1f}"]


def _end_of_all(results: Sequence[Result]) -> str:
    minutes = results[0].get("minutes")
    return f"{results[0]['steps']:,} steps" if minutes is None else f"{minutes:.1f} min"


def _end(result: Result) -> str:
    made, steps = result["steps"], result["numbers"]["of"]
    of_all = f" of {steps:,}" if made < steps else ""
    return f"{time_told(result['seconds'])}, {made:,}{of_all} steps"
