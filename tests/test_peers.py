"""What benchmarks/peers.py says is so: every goal is in its table, ratios are of medians, all sides play one game."""

from __future__ import annotations

import importlib
import json
import math
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pages
import pytest

from minigan.backend.device import probe

BENCHMARKS = pages.ROOT / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """A script of benchmarks/ as a module, by name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.fixture
def table(benchmark):
    return benchmark("peers_table")


# ---- the goals ---------------------------------------------------------------------------------------------

# work, minigan captured against, at most: where the AVX-512 kernels are much faster, and elsewhere
WANTED = """
reference    PyTorch eager          .50  .70
reference    PyTorch best written   .60  .85
reference    JAX jit               1.0  1.0
reference    matrix products alone 1.4  1.2
ring-128     PyTorch eager          .50  .50
ring-128     JAX jit               1.0  1.0
ring-512     PyTorch eager          .50  .50
ring-512     JAX jit               1.0  1.0
dcgan-64     PyTorch eager          .80  .80
dcgan-128    PyTorch eager          .80  .80
r1           PyTorch eager          .80  .80
wgan-gp      PyTorch eager          .80  .80
peak memory  PyTorch eager          .50  .50
first step   PyTorch eager          .50  .50
"""


def wanted(column):
    return {
        (line[:13].strip(), line[13:35].strip()): float(line[35:].split()[column]) for line in WANTED.split("\n")[1:-1]
    }


@pytest.mark.parametrize("fast_kernels", [True, False])
def test_every_goal_is_in_the_table_with_its_limit_for_this_cpu(table, fast_kernels):
    goals = {(goal.row, goal.against): goal.limit(fast_kernels) for goal in table.GOALS["cpu"]}
    assert goals == wanted(0 if fast_kernels else 1)


def test_on_a_gpu_the_goals_are_a_fourth_of_pytorch_eager_and_no_more_than_its_cuda_graphs(table):
    goals = {(goal.row, goal.against): goal.at_most for goal in table.GOALS["cuda"]}
    assert goals == {("reference", "PyTorch eager"): 1 / 4, ("reference", "PyTorch CUDA graphs"): 1.0}


def test_goals_are_about_works_and_sides_that_there_are(table, benchmark):
    peers, works = benchmark("peers"), benchmark("works")
    for goal in (*table.GOALS["cpu"], *table.GOALS["cuda"]):
        assert goal.row in {*works.WORKS, table.MEMORY, table.START}
        assert goal.against in peers.PROGRAMS
    assert {program for program in peers.PROGRAMS.values() if not (BENCHMARKS / program).exists()} == set()


def test_kernels_are_fast_from_1_3_times_the_avx2_ones_on(table):
    assert table.are_fast({"SkylakeX": 286.0, "Haswell": 220.0})
    assert table.are_fast({"Haswell": 220.0, "SapphireRapids": 300.0})
    assert not table.are_fast({"SkylakeX": 285.0, "Haswell": 220.0})
    assert not table.are_fast({"Haswell": 300.0, "SkylakeX": 200.0})
    assert not table.are_fast({"Zen": 300.0})


def test_the_ratio_is_that_of_the_medians_over_all_rounds(table):
    row = {"minigan captured": [[1.0, 2.0, 90.0], [3.0, 4.0, 5.0]], "PyTorch eager": [[8.0, 8.0, 8.0], [5.0, 5.0, 8.0]]}
    goals = [table.Goal("r1", "PyTorch eager", 0.4375), table.Goal("r1", "PyTorch eager", 0.4374)]
    met, missed = table.verdicts(goals, {"r1": row}, fast_kernels=True)
    assert met == {
        "row": "r1", "against": "PyTorch eager", "at_most": 0.4375, "ratio": 3.5 / 8, "least": 2 / 8, "most": 4 / 5,
        "met": True,
    }  # fmt: skip
    assert missed["met"] is False


def test_a_line_of_the_table_has_what_was_measured_the_ratio_and_the_goal(table):
    measured = {"r1": {"minigan captured": [[3.0]], "PyTorch eager": [[4.0]]}}
    measured["peak memory"] = {"minigan captured": [[150.0]], "PyTorch eager": [[200.0]]}
    goals = [table.Goal("r1", "PyTorch eager", 0.8), table.Goal("peak memory", "PyTorch eager", 0.5)]
    _, r1, memory = table.of_goals(table.verdicts(goals, measured, True), measured).split("\n")
    assert " ".join(r1.split()) == "r1 PyTorch eager 3.00 4.00 ms 0.750 0.75 .. 0.75 0.80 met"
    assert " ".join(memory.split()) == "peak memory PyTorch eager 150.00 200.00 MB 0.750 0.75 .. 0.75 0.50 missed"


def test_a_side_that_was_left_out_leaves_its_goal_open(table):
    goals = [table.Goal("r1", "JAX jit", 1.0), table.Goal("dcgan-64", "JAX jit", 1.0)]
    measured = {"r1": {"minigan captured": [[3.0]]}}
    (verdict,) = table.verdicts(goals, measured, True)  # of a work that was not asked for there is none
    assert verdict["ratio"] is None
    assert "met" not in verdict
    assert " ".join(table.of_goals([verdict], measured).split("\n")[1].split()) == "r1 JAX jit not available 1.00"


def test_columns_stand_under_the_names_of_their_sides(table):
    sides = ["minigan captured", "JAX jit"]
    lines = [*table.head("ms", sides).split("\n"), table.line("r1", sides, {"JAX jit": "1.25"})]
    assert [line.split() for line in lines] == [["minigan"], ["ms", "captured", "JAX", "jit"], ["r1", "-", "1.25"]]
    assert {len(line) for line in lines} == {table.FIRST + 2 * table.COLUMN}


# ---- the check of the losses -------------------------------------------------------------------------------


def test_losses_differ_relative_to_the_larger_one_of_their_step(table):
    expected = [[1.0, 4.0], [-10.0, 0.001]]
    assert table.difference(expected, expected) == 0
    assert table.difference([[1.0, 4.0], [-10.0, 0.002]], expected) == pytest.approx(1e-4)
    assert table.difference([[1.002, 4.0], [-10.0, 0.001]], expected) == pytest.approx(5e-4)


def test_a_nan_among_the_losses_is_no_agreement(table):
    assert math.isnan(table.difference([[1.0, math.nan]], [[1.0, 2.0]]))


@pytest.fixture
def results(benchmark, tmp_path):
    about = {"date": "2026-01-02", "cpu": "a CPU", "threads": 2, "minigan": "1", "python": "3", "numpy": "2"}
    about |= {"libraries": {"torch": "2.5"}, "kernels_GFLOPs": {"Haswell": 200.0}, "kernels_uncertain": False}
    goals = benchmark("peers_table").GOALS["cpu"]
    return benchmark("peers_results").Results(about, goals, tmp_path / "peers.json")


class Peer:
    """A side in place of a process."""

    def __init__(self, side, losses):
        self.side, self.losses, self.asked = side, losses, []

    def ask(self, command, *arguments):
        self.asked.append(command)
        return self.losses if command == "check" else [0.002]


@pytest.fixture
def bench(benchmark, results, tmp_path, monkeypatch):
    peers = benchmark("peers")
    monkeypatch.setattr(peers.turns, "in_worker", lambda function, work, path: [[1.0, 2.0]])
    args = SimpleNamespace(works=["r1"], quick=False, device="cpu", steps=1, rounds=2)
    return peers.Bench(args, results, tmp_path)


@pytest.mark.parametrize("wrong", [2.001, math.nan])
def test_a_side_whose_losses_are_not_minigans_is_left_out_as_failed_and_the_others_are_timed(
    bench, results, capsys, wrong
):
    sides = {"minigan captured": Peer("minigan captured", [[1.0, 2.0]]), "JAX jit": Peer("JAX jit", [[1.0, wrong]])}
    bench.check(sides)
    bench.time(sides)
    assert results.measured["r1"] == {"minigan captured": [[2.0], [2.0]]}
    assert sides["JAX jit"].asked == ["check"]
    assert results.failed
    shown = capsys.readouterr().out
    assert "left out: JAX jit: its losses are not minigan's: they differ by " in shown
    assert "agree" not in shown


def test_the_check_ends_with_the_word_that_all_agree(bench, results, capsys):
    bench.check({"minigan captured": Peer("minigan captured", [[1.0, 2.0]])})
    assert capsys.readouterr().out.endswith("\nAll losses agree.\n")
    assert not results.failed


def test_a_reason_that_several_sides_share_is_said_once_in_one_line(benchmark, results, capsys):
    reason = benchmark("peers_worker").LeftOutError("PyTorch is not installed")
    for side in ("PyTorch eager", "PyTorch compiled"):
        for name in ("r1", "ring-128"):
            results.leave_out(side, name, reason)
    results.leave_out("JAX jit", "r1", benchmark("peers_worker").LeftOutError("it cannot"))
    for _ in range(2):
        results.say_who_is_left_out(["r1", "ring-128"])
    assert capsys.readouterr().out.splitlines() == [
        "left out: PyTorch eager; PyTorch compiled: PyTorch is not installed",
        "left out in r1: JAX jit: it cannot",
    ]
    assert not results.failed


def test_the_files_hold_the_numbers_and_what_was_printed_with_machine_threads_kernels_and_date(
    benchmark, results, capsys
):
    results.say(benchmark("peers_machine").in_words(results.about))
    results.measured["r1"] = {"minigan captured": [[3.0, 5.0]], "PyTorch eager": [[8.0, 8.0]]}
    results.write()
    found = json.loads(results.out.read_text())
    assert found["measured"]["r1"]["minigan captured"]["median"] == 4.0
    assert [(goal["row"], goal["ratio"]) for goal in found["goals"]] == [("r1", 0.5)]
    printed = capsys.readouterr().out
    assert results.text.read_text() == printed
    assert printed.splitlines()[:3] == [
        "2026-01-02, a CPU, 2 threads",
        "minigan 1, Python 3, NumPy 2, PyTorch 2.5",
        "NumPy's matrix products: Haswell kernels with 200 GFLOP/s",
    ]


def test_speeds_from_busy_cores_are_called_uncertain(benchmark, results):
    in_words = benchmark("peers_machine").in_words
    assert "uncertain" not in in_words(results.about)
    assert "uncertain" in in_words({**results.about, "kernels_uncertain": True})


def test_without_the_device_it_says_so_in_a_sentence_and_ends_with_2():
    if probe().state == "ok":
        pytest.skip("there is a GPU")
    command = [sys.executable, str(BENCHMARKS / "peers.py"), "--device", "cuda"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith("peers.py: Device cuda:0 cannot be used: ")


FAULTS = """
import resource, numpy as np
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**21)
before = faults()
np.ones(2**21)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_every_side_finds_the_setting_with_which_glibc_keeps_freed_memory(benchmark, monkeypatch):
    turns = benchmark("turns")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", *turns.MALLOC):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # and give it back after the test

    def of_a_second_array():
        return int(subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True).stdout)

    for name in turns.MALLOC:
        monkeypatch.delenv(name)
    by_itself = of_a_second_array()
    turns.set_up(1)
    assert of_a_second_array() < by_itself / 10


# ---- the works ---------------------------------------------------------------------------------------------


@pytest.fixture
def task_of(benchmark):
    """What sides are told of a work, by its name."""
    return lambda name: benchmark("peers_minigan").described(benchmark("works").WORKS[name])


def test_sides_read_the_layers_weights_batches_and_draws_of_a_work(benchmark, tmp_path):
    works, path = benchmark("works"), tmp_path / "task.npz"
    losses = benchmark("peers_minigan").hand_over(works.WORKS["ring-128"], path)
    task = works.read_task(path)
    assert task.G == [["Linear", 2, 128], ["ReLU"], ["Linear", 128, 128], ["ReLU"], ["Linear", 128, 2]]
    assert (task.loss, task.betas_D, task.r1_gamma, task.draws) == ("logit", [0.5, 0.999], 0.0, 1)
    assert task.order.shape == (len(task.samples) // 128, 128)
    assert len(np.unique(task.order)) == task.order.size
    assert (task.z.shape, task.eps.size, np.shape(losses)) == ((5, 1, 128, 2), 0, (5, 2))
    fake = by_hand(task.weights_G, 0.0, task.z[0, 0])
    on_real, on_fake = (by_hand(task.weights_D, 0.2, x) for x in (task.samples[task.order[0]], fake))
    loss_D = np.log1p(np.exp(-on_real)).mean() + np.log1p(np.exp(on_fake)).mean()
    assert losses[0][0] == pytest.approx(loss_D, rel=1e-6)


def by_hand(weights, slope, x):
    """An MLP in float64."""
    x, last = x.astype(float), len(weights) - 2
    for i in range(0, len(weights), 2):
        x = x @ weights[i].T.astype(float) + weights[i + 1]
        x = x if i == last else np.maximum(x, slope * x)
    return x


def test_the_check_is_without_dropout_and_the_timed_step_with_it(task_of):
    task = task_of("reference")
    assert (task.D.count(["Dropout", 0.3]), task.config["discriminator"]["dropout"]) == (3, 0.3)
    check = task.for_check()
    assert (check.D.count(["Dropout", 0.3]), check.config["discriminator"]["dropout"]) == (0, 0.0)


@pytest.mark.parametrize(("name", "penalty"), [("r1", "r1_gamma"), ("wgan-gp", "gradient_penalty")])
def test_works_with_a_penalty_have_the_reference_widths_and_it_is_due_in_every_step(task_of, benchmark, name, penalty):
    task, reference = task_of(name), task_of("reference")
    linear = benchmark("peers_minigan").linear_layers
    assert [linear(task.G), linear(task.D)] == [linear(reference.G), linear(reference.D)]
    assert getattr(task, penalty) > 0
    assert task.config["game"]["penalty_every"] == 1


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("name", ["reference", "ring-128"])
def test_the_products_alone_are_those_that_pytorch_makes_in_the_step_written_best(torch, task_of, benchmark, name):
    from torch.utils.flop_counter import FlopCounterMode

    task = task_of(name)
    step = benchmark("peers_torch").best_step(task, "cpu", replayed=False)
    with FlopCounterMode(display=False) as counter:
        step(0)
    assert counter.get_total_flops() == sum(2 * m * k * n for m, k, n in benchmark("peers_minigan").products_of(task))


LOADED = """
import sys
sys.path.insert(0, sys.argv[1])
import peers_torch, peers_jax
print([name for name in sys.modules if name.partition(".")[0] == "minigan"])
"""


@pytest.mark.slow
def test_a_peers_process_loads_nothing_of_minigan():
    command = [sys.executable, "-c", LOADED, str(BENCHMARKS)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
