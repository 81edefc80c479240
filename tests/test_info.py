"""What `minigan info` prints and what a run records of where it ran."""

import importlib
import json
import os
import sys
import tomllib
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import threadpoolctl
import tomli_w

from minigan import blas
from minigan._version import __version__
from minigan.backend.device import Device, Probe
from minigan.blas import Blas, Speed
from minigan.info import environment, info

module = importlib.import_module("minigan.info")
NO_GPU = Probe("no-cupy", "CuPy is not installed.", "pip install 'minigan[cuda13]'")


@pytest.fixture
def probes(monkeypatch):
    """Call it with one result per GPU."""

    def setup(*results):
        runtime = SimpleNamespace(
            getDeviceCount=lambda: len(results),
            driverGetVersion=lambda: 13000,
            runtimeGetVersion=lambda: 13020,
            getDeviceProperties=lambda index: {"name": b"NVIDIA H200", "major": 9, "minor": index},
        )
        cupy = ModuleType("cupy")
        cupy.cuda = SimpleNamespace(runtime=runtime)
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setattr(module, "probe", lambda index=0: results[index])

    return setup


# ---- environment -----------------------------------------------------------------------------------------


def test_environment_names_the_versions_in_use():
    found = environment()
    assert found["minigan"] == __version__
    assert found["python"] == sys.version.split()[0]
    assert found["numpy"] == np.__version__
    assert found["libraries"]["threadpoolctl"] == threadpoolctl.__version__


def test_environment_can_be_written_to_toml_and_json_and_read_back():
    found = environment()
    assert tomllib.loads(tomli_w.dumps(found)) == found
    assert json.loads(json.dumps(found)) == found


def test_environment_names_the_threads_and_kernels_of_the_blas_that_runs():
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    found = environment()
    recorded = {"architecture": found["blas_kernels"] or None, "num_threads": found["blas_threads"]}
    known = [{"architecture": p.get("architecture"), "num_threads": p["num_threads"]} for p in pools]
    assert recorded in known or (not pools and recorded == {"architecture": None, "num_threads": 0})
    with threadpoolctl.threadpool_limits(1):
        assert environment()["blas_threads"] == min(1, len(pools))


def test_environment_names_numpys_blas_and_not_scipys(monkeypatch):
    def pool(package, version):
        names = {"user_api": "blas", "internal_api": "openblas", "architecture": "Haswell"}
        return {
            **names,
            "version": version,
            "num_threads": 4,
            "filepath": f"/lib/{package}.libs/libopenblas.so",
        }

    pools = [pool("scipy", "0.3.1"), {"user_api": "openmp"}, pool("numpy", "0.3.2")]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools)
    assert environment()["blas"] == "OpenBLAS 0.3.2"


def test_environment_knows_the_name_of_a_blas_that_threadpoolctl_does_not_know(monkeypatch):
    monkeypatch.setattr(threadpoolctl, "threadpool_info", list)
    named = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    assert environment()["blas"] == named
    assert f"BLAS       {named}\n" in info()


def test_environment_of_a_cpu_run_tries_no_gpu(monkeypatch):
    monkeypatch.setattr(module, "probe", lambda index=0: pytest.fail("probed"))
    found = environment()
    assert found["device"] == "cpu"
    assert "gpu" not in found


def test_environment_of_a_gpu_run_describes_that_gpu(probes):
    probes(NO_GPU, NO_GPU)
    found = environment(Device("cuda", 1))
    assert found["device"] == "cuda:1"
    assert found["gpu"] == {
        "name": "NVIDIA H200",
        "compute_capability": "9.1",
        "driver_cuda": 13000,
        "runtime_cuda": 13020,
    }


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 5, 7}, raising=False)
    assert environment()["cores"] == 3


# ---- info --------------------------------------------------------------------------------------------------


def test_info_is_aligned_text_for_80_columns(probes):
    probes(NO_GPU)
    text = info()
    labels = [line[:11].strip() for line in text.splitlines() if line[:11].strip()]
    assert labels[:9] == [
        "minigan",
        "Python",
        "NumPy",
        "platform",
        "CPU",
        "BLAS",
        "speed",
        "CUDA",
        "libraries",
    ]
    for line in text.splitlines():
        assert len(line) <= 80
        assert line == line.rstrip()
        assert not line or (line[10] == " " and line[11] != " ")


def test_info_says_what_environment_records(probes):
    probes(NO_GPU)
    text, found = info(), environment()
    assert f"minigan    {__version__}\n" in text
    assert f"{found['cpu']}, {found['cores']} core" in text
    assert found["platform"] in text
    assert all(f"{name} {version}" in text for name, version in found["libraries"].items())


def test_info_gives_what_is_missing_for_a_gpu_and_the_command_on_a_line_of_its_own(probes):
    probes(NO_GPU)
    assert "\nCUDA       CuPy is not installed.\n           pip install 'minigan[cuda13]'\n" in info()


def test_info_never_breaks_a_command_however_long(probes):
    command = "pip uninstall -y cupy cupy-cuda12x cupy-cuda13x && pip install 'minigan[cuda13]'"
    probes(Probe("broken-import", "CuPy is installed, but importing it fails (" + "x " * 60 + ").", command))
    assert f"\n           {command}\n" in info()


def test_info_shows_every_gpu_also_those_behind_a_full_one(probes):
    probes(
        Probe("no-memory", "The GPU cuda:0 has no free memory left.", "nvidia-smi"),
        Probe("ok", "The GPU cuda:1 works: NVIDIA H200, 139 GiB, CuPy 14.2.0."),
    )
    told = info()  # once: whether the cores are busy may differ from one to the next
    shown = told[told.index("CUDA") :].splitlines()
    assert shown[:4] == [
        "CUDA       The GPU cuda:0 has no free memory left.",
        "           nvidia-smi",
        "           The GPU cuda:1 works: NVIDIA H200, 139 GiB, CuPy 14.2.0.",
        "",
    ]


def test_info_lists_missing_libraries_with_the_command_that_installs_them(probes, monkeypatch):
    probes(NO_GPU)
    monkeypatch.setattr(module, "NEEDED", ("threadpoolctl",))
    assert "missing" not in info()
    monkeypatch.setattr(module, "NEEDED", ("threadpoolctl", "a-library-of-no-name"))
    assert "\nmissing    pip install a-library-of-no-name" in info()


# ---- kernels of the BLAS -----------------------------------------------------------------------------------


@pytest.fixture
def measured(probes, monkeypatch):
    """What `info` prints about a BLAS of which this is measured."""

    def show(running, speed, *others, slowest=None):
        probes(NO_GPU)
        monkeypatch.delenv(blas.VARIABLE, raising=False)
        monkeypatch.setattr(blas, "running", lambda: running)
        own = Speed(running.kernels, speed, slowest or speed)
        monkeypatch.setattr(blas, "speeds", lambda: [own, *others])
        text = info()
        return text[text.index("BLAS") : text.index("\n\nCUDA")]

    return show


def test_info_names_kernels_and_threads_of_the_blas_and_their_speed(measured):
    shown = measured(Blas("OpenBLAS 0.3.31", "Zen", 1, "BLAS"), 99.6)
    assert (
        shown
        == """\
BLAS       OpenBLAS 0.3.31, Zen kernels, 1 thread
speed      100 GFLOP/s in float32 (128 x 784 @ 784 x 1024)"""
    )


def test_info_tells_how_to_have_faster_kernels_and_who_chose_the_slower(measured):
    shown = measured(Blas("OpenBLAS 0.3.31", "Haswell", 2, "user"), 200.0, Speed("SkylakeX", 360.0, 350.0))
    assert (
        shown
        == """\
BLAS       OpenBLAS 0.3.31, Haswell kernels (user's choice), 2 threads
speed      200 GFLOP/s in float32 (128 x 784 @ 784 x 1024)
           SkylakeX kernels: 360 GFLOP/s, 1.80 times those that run (set
           OPENBLAS_CORETYPE=SkylakeX before Python starts)"""
    )


@pytest.mark.parametrize(("own", "others"), [(3.0, 350.0), (200.0, 3.0)])
def test_on_busy_cores_info_says_that_speeds_are_uncertain_and_advises_nothing(measured, own, others):
    other = Speed("SkylakeX", 360.0, others)
    shown = measured(Blas("OpenBLAS 0.3.31", "Haswell", 2, "user"), 200.0, other, slowest=own)
    assert (
        shown
        == """\
BLAS       OpenBLAS 0.3.31, Haswell kernels (user's choice), 2 threads
speed      200 GFLOP/s in float32 (128 x 784 @ 784 x 1024)
           SkylakeX kernels: 360 GFLOP/s, 1.80 times those that run
           The cores seem busy: some looks were more than 1.5 times slower, so
           these speeds are uncertain."""
    )


@pytest.mark.parametrize(("other", "ratio"), [(200.0, "0.50"), (420.0, "1.05")])
def test_info_advises_no_kernels_that_are_slower_or_hardly_faster(measured, other, ratio):
    shown = measured(Blas("OpenBLAS 0.3.31", "SkylakeX", 2, "minigan"), 400.0, Speed("Haswell", other, other))
    assert "SkylakeX kernels (minigan's choice), 2 threads" in shown
    assert shown.endswith(f"Haswell kernels: {other:.0f} GFLOP/s, {ratio} times those that run")


def test_what_runs_is_recorded_and_who_chose_it(monkeypatch):
    monkeypatch.setattr(blas, "running", lambda: Blas("OpenBLAS 0.3.31", "Zen", 3, "minigan"))
    recorded = {name: value for name, value in environment().items() if name.startswith("blas")}
    chooser = {"blas_kernels_chosen_by": "minigan"}
    assert recorded == {"blas": "OpenBLAS 0.3.31", "blas_kernels": "Zen", "blas_threads": 3} | chooser
