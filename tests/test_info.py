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

from minigan._version import __version__
from minigan.backend.device import Device, Probe
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
    shown = info()[info().index("CUDA") :].splitlines()
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


def test_info_names_kernels_and_threads_of_the_blas(probes, monkeypatch):
    probes(NO_GPU)
    blas = {"blas": "OpenBLAS 0.3.31", "blas_kernels": "Zen", "blas_threads": 1, "avx512_unused": False}
    monkeypatch.setattr(module, "_blas", lambda: blas)
    assert "\nBLAS       OpenBLAS 0.3.31, Zen kernels, 1 thread\n" in info()


# ---- AVX-512 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blas", "kernels", "features", "variable", "unused"),
    [
        ("openblas", "Haswell", {"AVX512_SKX": True}, None, True),
        ("openblas", "Haswell", {"X86_V4": True}, None, True),
        ("openblas", "Haswell", {"AVX512_SKX": True}, "Haswell", False),  # the user chose
        ("openblas", "Haswell", {"AVX512_SKX": False}, None, False),
        ("openblas", "Haswell", {}, None, False),
        ("openblas", "SkylakeX", {"AVX512_SKX": True}, None, False),
        ("openblas", None, {"AVX512_SKX": True}, None, False),
        ("mkl", "Haswell", {"AVX512_SKX": True}, None, False),
    ],
)
def test_unused_avx512_is_pointed_out_and_never_changed(probes, monkeypatch, blas, kernels, features, variable, unused):
    pool = {"user_api": "blas", "internal_api": blas, "version": None, "architecture": kernels}
    pool |= {"num_threads": 2, "filepath": "numpy.libs/blas.so"}
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: [pool])
    monkeypatch.setattr(module, "_cpu_features", lambda: features)
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    if variable is not None:
        monkeypatch.setenv("OPENBLAS_CORETYPE", variable)
    before = dict(os.environ)
    probes(NO_GPU)

    assert environment()["avx512_unused"] is unused
    assert ("OPENBLAS_CORETYPE=SkylakeX" in info()) is unused
    assert dict(os.environ) == before


def test_the_cpu_features_are_those_that_numpy_shows(capsys):
    np.show_runtime()
    shown = capsys.readouterr().out
    usable = [name for name, usable in module._cpu_features().items() if usable]
    assert usable
    assert [name for name in usable if name.startswith("X86_V") and f"'{name}'" not in shown] == []


def test_the_measured_speed_is_that_of_the_product_it_names(monkeypatch):
    monkeypatch.setattr("timeit.repeat", lambda product, number, repeat: [3.0, 2.0] if product() is not None else [])
    assert module._sgemm_gflops() == pytest.approx(2 * 128 * 784 * 1024 / 2.0 / 1e9)
