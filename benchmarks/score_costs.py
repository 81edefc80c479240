"""What does scoring cost, and between which numbers do scores lie?

Times every MNIST score of 10,000 samples, one after the other, then an evaluation as a whole, and the command
`minigan evaluate` with all that it loads, draws and writes; the modes of 26,000 stacked images. Prints the scores of
real test images and of noise, too.

    python benchmarks/score_costs.py           writes benchmarks/results/score_costs.txt, too
    python benchmarks/score_costs.py --quick   200 samples and 1,000 training images, to see that all of it runs

The samples are test images with a little noise: what a score costs does not depend on what it finds.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import command
import numpy as np
from comparison import images_of
from program import machine

from minigan import metrics
from minigan.backend.device import CPU
from minigan.data import gather_pixels, load_mnist
from minigan.metrics.evaluation import Reference, calibrate, evaluate
from minigan.metrics.evaluation.columns import cell, columns_of
from minigan.metrics.evaluation.digits import DigitReference, subset_size
from minigan.metrics.evaluation.images import ImageReference
from minigan.metrics.hashes import short

RESULTS = Path(__file__).parent / "results" / "score_costs.txt"
SIGMA = 0.1668  # of the Parzen window that real images choose


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few samples; nothing is recorded")
    quick = parser.parse_args().quick
    n, most, stacked = (200, 1000, 100) if quick else (10_000, 60_000, 26_000)
    lines = [
        machine(CPU),
        f"{n:,} samples, {most:,} training images, {n:,} test images; {stacked:,} stacked images\n",
        f"{'':<46}{'seconds':>9}{'CPU seconds':>13}{'peak MB so far':>16}",
    ]
    print("\n".join(lines))
    for line in measured(images_of("train", most), images_of("test", n), stacked):
        print(line, flush=True)
        lines.append(line)
    if not quick:
        RESULTS.write_text("\n".join(lines) + "\n")


def measured(training: np.ndarray, test: np.ndarray, stacked: int) -> Iterator[str]:
    """A line for each score, and for the parts of an evaluation."""
    n, judge, labels = len(test), metrics.load_judge("report"), load_mnist("test")[1][: len(test)]
    samples = (test + np.random.default_rng(0).normal(0, 0.1, test.shape)).clip(-1, 1).astype(np.float32)
    order = np.random.default_rng(0).permutation(n)
    digits = DigitReference.of(judge, training)
    images = ImageReference(training, test[order], held_out=True, labels=labels[order])
    features, (seen, p) = digits.features, judge.outputs(samples)
    for name, work in {
        f"judge, {n:,} images": lambda: judge.outputs(samples),
        "classifier_score, class_histogram": lambda: (metrics.classifier_score(p), metrics.class_histogram(p)),
        "frechet_distance": lambda: metrics.frechet_distance(seen, features),
        "kernel_distance": lambda: metrics.kernel_distance(seen, features, subset_size=subset_size(n)),
        "precision_recall": lambda: metrics.precision_recall(seen, features[:n]),
        "nearest_training": lambda: images.nearest(samples),
        "choose_sigma": lambda: metrics.choose_sigma(samples, training[-1000:]),
        "parzen_log_likelihood": lambda: metrics.parzen_log_likelihood(samples, test, SIGMA),
        "sliced_wasserstein": lambda: metrics.sliced_wasserstein(samples, training),
    }.items():
        yield timed(name, work)[0]
    yield ""
    whole = Reference("MNIST", digits, images)
    yield timed("once: the judge looks at the training images", lambda: judge.features(training))[0]
    yield timed("once: nearest_training of test images", lambda: images.nearest_of_others)[0]
    yield timed("a run: all scores", lambda: evaluate(samples, whole))[0]
    line, found = timed("once: real test images and noise", lambda: calibrate(whole, n))
    yield line
    yield timed_command(n)
    yield ""
    colours = gather_pixels(metrics.stack_digits(*load_mnist("test"), stacked)[0], np.arange(stacked))
    yield timed("stacked_modes", lambda: metrics.stacked_modes(colours, judge))[0]
    yield f"\n{f'judge report, {short(judge.sha256)}':<46}{'real test images':>20}{'noise':>20}"
    for column in columns_of([found.real]):
        yield f"{column.head:<46}{cell(column, [found.real]):>20}{cell(column, [found.noise]):>20}"


def timed(name: str, work: Callable[[], Any]) -> tuple[str, Any]:
    """A line of the table, and what came out."""
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{name:<46}{seconds:>9.2f}{cpu:>13.2f}{peak:>16,.0f}", result


def timed_command(n: int) -> str:
    """The line of `minigan evaluate`, whose samples are those of a run that has hardly begun."""
    with tempfile.TemporaryDirectory() as folder:
        minigan = [sys.executable, "-m", "minigan"]
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        subprocess.run([*minigan, "train", "--steps", "20", "--out", "run"], **quiet)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([*minigan, "evaluate", "run", "-n", str(n)], **quiet)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{'the command minigan evaluate RUN':<46}{seconds:>9.2f}{cpu:>13.2f}{after.ru_maxrss / 1024:>16,.0f}"


if __name__ == "__main__":
    command.run(main)
