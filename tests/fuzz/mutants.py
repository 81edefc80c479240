"""Damage to files, always the same for the same seed; and a ring in which readers are tried on them."""

import contextlib
import gzip
import random
import resource
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

MB = 1 << 20

# Numbers at which readers break: ends of types, signs, and counts that are one off.
EDGES = sorted(
    {0, 1, 2, 3, 5, 64, 65, *(2**bits + off for bits in (7, 8, 15, 16, 24, 31, 32, 63, 64) for off in (-1, 0, 1))}
)


def edge(rng, bits=64):
    """A number at which readers break, of at most that many bits."""
    return rng.choice([number for number in EDGES if number < 2**bits])


# ---- damage by chance ------------------------------------------------------------------------------------
# Each takes the random numbers, the bytes, and other bytes to mix in; and gives new bytes.


def flip(rng, raw, other):
    """One bit."""
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :]


def poke(rng, raw, other):
    """One byte."""
    at = rng.randrange(len(raw))
    return raw[:at] + rng.randbytes(1) + raw[at + 1 :]


def overwrite(rng, raw, other):
    """A number of one to eight bytes in either order, most often near the beginning, where headers are."""
    width = rng.choice([1, 2, 4, 8])
    at = rng.randrange(min(len(raw), rng.choice([16, 64, len(raw)])))
    return raw[:at] + edge(rng, 8 * width).to_bytes(width, rng.choice(["big", "little"])) + raw[at + width :]


def truncate(rng, raw, other):
    """The end is missing."""
    return raw[: rng.randrange(len(raw))]


def behead(rng, raw, other):
    """The beginning is missing."""
    return raw[rng.randint(1, min(8, len(raw))) :]


def insert(rng, raw, other):
    """Some bytes too many."""
    at = rng.randint(0, len(raw))
    return raw[:at] + rng.choice([rng.randbytes, bytes])(rng.randint(1, 16)) + raw[at:]


def delete(rng, raw, other):
    """A piece is missing."""
    start, stop = _piece(rng, raw)
    return raw[:start] + raw[stop:]


def duplicate(rng, raw, other):
    """A piece is there twice."""
    start, stop = _piece(rng, raw)
    return raw[:stop] + raw[start:]


def blank(rng, raw, other):
    """A piece was never written, as after a power cut."""
    start, stop = _piece(rng, raw)
    return raw[:start] + bytes(stop - start) + raw[stop:]


def splice(rng, raw, other):
    """The beginning of one file and the end of another."""
    return raw[: rng.randint(0, len(raw))] + other[rng.randint(0, len(other)) :]


DAMAGE = (flip, poke, overwrite, truncate, behead, insert, delete, duplicate, blank, splice)


def _piece(rng, raw):
    start = rng.randrange(len(raw))
    return start, min(len(raw), start + rng.randint(1, rng.choice([4, 64, len(raw)])))


def mutants(samples, n, seed):
    """n damaged copies of these files, each hit one to four times."""
    rng = random.Random(seed)

    def make():
        raw = rng.choice(samples)
        for _ in range(rng.choice([1, 1, 2, 4])):
            raw = rng.choice(DAMAGE)(rng, raw, rng.choice(samples)) or b"\0"
        return raw

    return distinct(n, make, samples)


def distinct(n, make, samples=()):
    """The first n files out of this maker that are no samples, no two of them the same."""
    seen = set(map(hash, samples))  # the files themselves would fill the memory
    while n:
        raw = make()
        if hash(raw) not in seen:
            seen.add(hash(raw))
            n -= 1
            yield raw


# ---- whole packing, so that damage inside is met ---------------------------------------------------------


def gzipped(rng, raw):
    """The same content in one of the ways in which gzip files come, every checksum valid."""
    cut = rng.randint(0, len(raw))
    members = rng.choice([[raw], [raw[:cut], raw[cut:]], [b"", raw], [raw, b""]])
    return b"".join(gzip.compress(member, rng.choice([0, 1, 9]), mtime=0) for member in members) + bytes(
        rng.choice([0, 0, 7])
    )


# ---- the ring --------------------------------------------------------------------------------------------


def tried(cases, read, *, seconds=5.0, megabytes=64):
    """Read every case; how often each outcome was.

    Args:
        cases: what to read.
        read: gives the outcome as a word, and lets no error through but a failed assertion.
        seconds: most that one case may take. No measure of speed: it finds what never ends.
        megabytes: most memory that Python and NumPy may hold at any moment of one case, besides what they held before.
    """
    outcomes = Counter()
    tracemalloc.start()
    try:
        for case in cases:
            tracemalloc.reset_peak()
            before, begun = tracemalloc.get_traced_memory()[0], time.perf_counter()
            outcomes[read(case)] += 1
            assert time.perf_counter() - begun < seconds, case
            assert tracemalloc.get_traced_memory()[1] - before < megabytes * MB, case
    finally:
        tracemalloc.stop()
    return _told(outcomes)


def tried_within(cases, read, *, seconds=5.0, megabytes=256):
    """As :func:`tried`, for readers that tracing would make five times as slow: the system gives no more memory.

    Args:
        cases: what to read.
        read: gives the outcome as a word, and lets no error through but a failed assertion.
        seconds: most that one case may take.
        megabytes: most address space that the process may take for all of them, besides what it had before.
    """
    outcomes = Counter()
    with at_most(megabytes):
        for case in cases:
            begun = time.perf_counter()
            outcomes[read(case)] += 1
            assert time.perf_counter() - begun < seconds, case
    return _told(outcomes)


@contextlib.contextmanager
def at_most(megabytes):
    """Inside, whoever asks for more memory than this besides what the process has gets a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + megabytes * MB, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _told(outcomes):
    print(f"{sum(outcomes.values()):,} tries: {', '.join(f'{n:,} {name}' for name, n in sorted(outcomes.items()))}")
    return outcomes


def put(path, raw):
    """Write a file anew. (Some file systems write a file that is emptied and filled to the disk at once: 4 ms each.)"""
    path.unlink(missing_ok=True)
    path.write_bytes(raw)


def refused(kind, read, path):
    """Make sure that this is refused, in one sentence that names the path."""
    with pytest.raises(kind) as caught:
        read()
    assert_one_sentence(caught.value, path)
    return "refused"


def assert_one_sentence(error, *names, most=600):
    """What every message for people has to be."""
    text = str(error)
    assert any(str(name) in text for name in names), text
    assert text.endswith((".", "?")), text
    assert "\n" not in text, text
    assert len(text) < most, text
    assert text.isprintable(), text
