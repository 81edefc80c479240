"""Which kernels of OpenBLAS run: the fastest for the CPU on the command line, and never against the user."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pages
import pytest
import threadpoolctl
from command_line import ENVIRONMENT, SMALL_IMAGES

from minigan import blas
from minigan.blas import VARIABLE, Blas, Speed
from minigan.cli import main
from minigan.gan.record import changed_environment

OLD, OLDER = "Nehalem", "Prescott"  # kernels that every x86-64 in use can run
BARE = "import numpy, threadpoolctl; print(threadpoolctl.threadpool_info()[0].get('architecture'))"


def python(*arguments, kernels=None):
    """What a process prints on stdout and stderr, with OPENBLAS_CORETYPE as given, or without it."""
    environment = {name: value for name, value in ENVIRONMENT.items() if name != VARIABLE}
    environment |= {} if kernels is None else {VARIABLE: kernels}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def without_minigan(kernels=None):
    """The kernels that run in a process of NumPy alone."""
    return python("-c", BARE, kernels=kernels)[0].strip()


def the_line(text):
    return next(line for line in text.splitlines() if line.startswith("BLAS"))


# ---- what runs -----------------------------------------------------------------------------------------------


def test_the_command_runs_kernels_for_avx512_where_the_cpu_has_it_and_else_what_numpy_alone_would_run():
    shown = the_line(python("-m", "minigan", "info")[0])
    if blas.cpu_has_avx512():
        assert any(f", {name} kernels" in shown for name in ("SkylakeX", "Cooperlake", "SapphireRapids"))
    else:
        assert f", {without_minigan()} kernels, " in shown


@pytest.mark.parametrize("kernels", [OLD, OLDER])
def test_the_users_choice_stays_and_is_named(kernels):
    shown = the_line(python("-m", "minigan", "info", kernels=kernels)[0])
    assert f", {without_minigan(kernels)} kernels{named(kernels)}, " in shown


def named(kernels):
    """Whose choice it is: an OpenBLAS that does not know this name runs its own."""
    return "" if without_minigan(kernels) == without_minigan() else " (user's choice)"


@pytest.mark.parametrize("asked", ["nonsense", ""])
def test_what_openblas_passed_over_is_no_users_choice(asked):
    shown = python("-m", "minigan", "info", kernels=asked)[0]
    assert f", {without_minigan(asked)} kernels, " in the_line(shown)
    said = " ".join(shown.split())
    assert f"OPENBLAS_CORETYPE is {asked!r}, but these are the kernels that OpenBLAS runs without it; unset it." in said


def test_a_program_that_imports_minigan_keeps_its_environment():
    program = (
        "import os, threadpoolctl; before = dict(os.environ);"  # threadpoolctl sets a variable of Intel's for itself
        "import minigan, minigan.info, minigan.cli, minigan.gan, minigan.metrics;"
        "minigan.info.environment(); minigan.cli.main(['presets']); print(dict(os.environ) == before)"
    )
    assert python("-c", program)[0].endswith("True\n")


CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(not CPUINFO.exists() or "flags" not in CPUINFO.read_text(), reason="not Linux on x86")
def test_numpys_word_on_avx512_is_that_of_the_system():
    flags = set(CPUINFO.read_text().split())
    assert blas.cpu_has_avx512() == ({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"} <= flags)


def test_the_cpu_features_are_those_that_numpy_shows(capsys):
    np.show_runtime()
    shown = capsys.readouterr().out
    usable = [name for name, usable in blas._cpu_features().items() if usable]
    assert usable
    assert [name for name in usable if name.startswith("X86_V") and f"'{name}'" not in shown] == []


# ---- what is asked for ---------------------------------------------------------------------------------------

ASKED = {VARIABLE: "SkylakeX"}


@pytest.fixture
def machine(monkeypatch):
    """Call it with what this process shall seem to run on."""

    def setup(library, kernels, features, variable=None, by_itself="Haswell"):
        pool = {"user_api": "blas", "internal_api": library, "version": "1.0", "architecture": kernels}
        pool |= {"num_threads": 2, "filepath": "numpy.libs/blas.so"}
        monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: [pool])
        monkeypatch.setattr(blas, "_cpu_features", lambda: features)
        monkeypatch.setattr(blas, "_by_itself", lambda: by_itself)
        monkeypatch.delenv(VARIABLE, raising=False)
        if variable is not None:
            monkeypatch.setenv(VARIABLE, variable)

    return setup


@pytest.mark.parametrize(
    ("library", "kernels", "features", "variable", "asked"),
    [
        ("openblas", "Haswell", {"AVX512_SKX": True}, None, ASKED),
        ("openblas", "Haswell", {"X86_V4": True}, None, ASKED),
        ("openblas", "Prescott", {"X86_V4": True}, None, ASKED),
        ("openblas", "Haswell", {"AVX512_SKX": True}, "Haswell", {}),  # the user chose
        ("openblas", "Haswell", {"AVX512_SKX": True}, "", {}),
        ("openblas", "Haswell", {"AVX512_SKX": False, "AVX512F": True}, None, {}),  # not all parts of it
        ("openblas", "Haswell", {}, None, {}),
        ("openblas", "SkylakeX", {"AVX512_SKX": True}, None, {}),
        ("openblas", "Cooperlake", {"AVX512_SKX": True}, None, {}),  # better still
        ("openblas", "SapphireRapids", {"AVX512_SKX": True}, None, {}),
        ("openblas", None, {"AVX512_SKX": True}, None, {}),
        ("mkl", "Haswell", {"AVX512_SKX": True}, None, {}),
    ],
)
def test_kernels_are_asked_for_where_the_cpu_has_faster_ones_and_nobody_chose(
    machine, library, kernels, features, variable, asked
):
    machine(library, kernels, features, variable)
    settings = blas.settings()
    assert {name: value for name, value in settings.items() if name == VARIABLE} == asked
    assert bool(settings) == bool(asked)


@pytest.mark.parametrize(
    ("kernels", "variable", "unused"),
    [("Haswell", None, True), ("Haswell", "Haswell", True), ("SkylakeX", None, False),
     ("Haswell", "SkylakeX", False)],  # the last: an OpenBLAS that was built without
)  # fmt: skip
def test_avx512_is_unused_also_where_the_user_chose_but_not_where_it_was_asked_for(machine, kernels, variable, unused):
    machine("openblas", kernels, {"AVX512_SKX": True}, variable)
    assert blas.running().avx512_unused is unused


def test_who_chose_is_told(machine, monkeypatch):
    machine("openblas", "Haswell", {"AVX512_SKX": True})
    assert blas.running() == Blas("OpenBLAS 1.0", "Haswell", 2, "BLAS")
    needed = blas.settings()
    machine("openblas", needed[VARIABLE], {"AVX512_SKX": True})  # which it runs when started anew
    for name, value in needed.items():
        monkeypatch.setenv(name, value)
    assert blas.running().chosen_by == "minigan"
    machine("openblas", "Haswell", {"AVX512_SKX": True}, "Haswell")
    for name in set(needed) - {VARIABLE}:
        monkeypatch.delenv(name)
    assert blas.running().chosen_by == "user"
    machine("mkl", "Haswell", {"AVX512_SKX": True}, "Haswell")
    assert blas.running().chosen_by == "BLAS"  # MKL does not read it


@pytest.mark.parametrize(
    ("library", "kernels", "variable", "chosen_by", "passed_over"),
    [
        ("openblas", "Haswell", "Haswell", "user", None),
        ("openblas", "Haswell", "haswell", "user", None),  # OpenBLAS does not mind
        ("openblas", "Haswell", "nonsense", "BLAS", "nonsense"),
        ("openblas", "Haswell", "", "BLAS", ""),
        ("openblas", "Haswell", None, "BLAS", None),
        ("openblas", "Katmai", "Prescott", "user", None),  # the name of the first processor with these kernels
        ("openblas", None, "Haswell", "BLAS", None),  # nobody knows what runs
        ("mkl", "Haswell", "Zen", "BLAS", None),
    ],
)
def test_kernels_are_a_choice_if_the_variable_has_an_effect(
    machine, library, kernels, variable, chosen_by, passed_over
):
    machine(library, kernels, {}, variable)
    assert blas.running().chosen_by == chosen_by
    assert blas.running().passed_over == passed_over


# ---- starting anew -------------------------------------------------------------------------------------------

PASSED_OVER = """
import os
from minigan import blas, cli
real = blas.running
def running():
    return real() if blas.VARIABLE in os.environ else blas.Blas("OpenBLAS of old", "Haswell", 1, "BLAS")
blas.running = running
raise SystemExit(cli.main())
"""


def test_a_command_whose_openblas_passed_over_avx512_starts_anew_once_with_its_arguments():
    shown = the_line(python("-c", PASSED_OVER, "info")[0])
    if blas.cpu_has_avx512():
        assert " SkylakeX kernels (minigan's choice), " in shown
    else:
        assert shown == "BLAS       OpenBLAS of old, Haswell kernels, 1 thread"


def test_a_program_that_calls_the_command_line_with_arguments_is_not_started_anew(monkeypatch, capsys):
    monkeypatch.setattr(blas, "settings", lambda: ASKED)
    monkeypatch.setattr(os, "execve", lambda *command: pytest.fail("started anew"))
    assert main(["--version"]) == 0
    assert capsys.readouterr().out


# ---- speed ---------------------------------------------------------------------------------------------------


def test_the_measured_speed_is_that_of_the_product_it_names(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(
        "timeit.repeat", lambda product, number, repeat: [4.0, 2.0, 5.0] if product() is not None else []
    )
    work = 2 * 128 * 784 * 1024 / 1e9
    assert blas.look() == (pytest.approx(work / 2.0), pytest.approx(work / 4.0))


def test_the_speed_is_that_of_the_fastest_product_of_all_looks(machine, monkeypatch):
    machine("openblas", "Haswell", {})
    looks = iter([(90.0, 80.0), (100.0, 95.0), (99.0, 70.0), (98.0, 90.0), (97.0, 90.0)])
    monkeypatch.setattr(blas, "look", lambda: next(looks))
    assert blas.speeds() == [Speed("Haswell", 100.0, 70.0)]


@pytest.mark.parametrize(("slowest", "uncertain"), [(6.0, True), (199.0, True), (201.0, False), (290.0, False)])
def test_a_speed_is_uncertain_where_looks_lie_apart(slowest, uncertain):
    assert Speed("Haswell", 300.0, slowest).uncertain is uncertain


@pytest.mark.parametrize("kernels", ["Haswell", "SkylakeX"])
def test_the_other_kernels_are_measured_in_a_process_of_their_own_where_the_cpu_has_avx512(kernels):
    program = "from minigan import blas; print(*(f'{each.kernels} {each.gflops}' for each in blas.speeds()))"
    if blas.cpu_has_avx512():
        now, speed, other, others = python("-c", program, kernels=kernels)[0].split()
        assert now == kernels
        assert {now, other} == {"Haswell", "SkylakeX"}
        assert min(float(speed), float(others)) > 0
    else:
        assert python("-c", program)[0].split()[0::2] == [without_minigan()]


@pytest.mark.parametrize(
    ("library", "features"), [("openblas", {}), ("mkl", {"AVX512_SKX": True})], ids=["no AVX-512", "no OpenBLAS"]
)
def test_nothing_else_is_measured_where_there_is_nothing_else(machine, monkeypatch, library, features):
    machine(library, "Haswell", features)
    monkeypatch.setattr(blas, "PRODUCTS", 1)
    monkeypatch.setattr(subprocess, "Popen", lambda *command, **settings: pytest.fail("measured"))
    assert [each.kernels for each in blas.speeds()] == ["Haswell"]


def test_kernels_that_fail_are_passed_over(machine, monkeypatch):
    machine("openblas", "Haswell", {"AVX512_SKX": True})
    monkeypatch.setattr(blas, "PRODUCTS", 1)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    assert [each.kernels for each in blas.speeds()] == ["Haswell"]


# ---- runs and benchmarks -------------------------------------------------------------------------------------


def test_a_resume_with_other_kernels_says_so_and_not_who_chose_them(here):
    before, after = without_minigan(OLD), without_minigan(OLDER)
    train = ["-m", "minigan", "train"]
    python(*train, "--steps", "1", "--out", "x", *SMALL_IMAGES, kernels=OLD)
    _, said = python(*train, "--resume", "x", "--steps", "2", "--allow-changes", kernels=OLDER)
    assert (f"blas_kernels was '{before}', is '{after}'" in said) == (before != after)
    assert "chosen" not in said


def test_whose_choice_the_kernels_are_is_no_change():
    user, own = ({"blas_kernels": "SkylakeX", "blas_kernels_chosen_by": by} for by in ("user", "BLAS"))
    assert changed_environment(user, own) == []


@pytest.fixture
def turns(monkeypatch):
    monkeypatch.syspath_prepend(pages.ROOT / "benchmarks")
    module = importlib.import_module("turns")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", VARIABLE, *module.MALLOC):
        monkeypatch.setenv(name, "")  # and give it back after the test
    return module


def test_the_workers_of_a_benchmark_get_the_settings_for_the_fastest_kernels(turns, monkeypatch):
    monkeypatch.setattr(blas, "settings", lambda: ASKED)
    turns.set_up(3)
    assert (os.environ["OMP_NUM_THREADS"], os.environ[VARIABLE]) == ("3", "SkylakeX")


def test_a_benchmark_tells_first_which_kernels_its_workers_run(turns, monkeypatch):
    monkeypatch.setenv(VARIABLE, OLD)
    turns.set_up(1)
    first = turns.report({"a side": [[1.0] * 20]}).splitlines()[0]
    assert first.endswith(f", {without_minigan(OLD)} kernels{named(OLD)}, 1 thread")
