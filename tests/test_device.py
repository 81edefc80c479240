"""Devices and their defaults, and what the probe says on each kind of machine (CuPy's strict double plays the GPU)."""

import copy
import importlib
import pickle
import subprocess
import sys
import threading

import pytest
from gpu import strict

from minigan.backend.device import CPU, Device, device, get_default_device, probe, set_default_device
from minigan.errors import DeviceError

module = importlib.import_module("minigan.backend.device")

# ---- a machine with whatever GPU a test wants -----------------------------------------------------------

CUDARuntimeError, CUDADriverError = strict.CUDARuntimeError, strict.CUDADriverError
OutOfMemoryError = strict.OutOfMemoryError
ARANGE = strict.MODULE.arange


def raising(error):
    def fail(*args, **options):
        raise error

    return fail


@pytest.fixture(autouse=True)
def _forget_probes(monkeypatch):
    monkeypatch.setattr(module, "_passed", {})
    monkeypatch.setattr(module, "_driver_version", lambda: 13000)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def machine(monkeypatch):
    """Call it to stand on a machine with CuPy, by its strict double, with this driver, and with these troubles."""

    def setup(driver=13000, devices=1, count_error=None, launch_error=None, x=None):
        cupy = strict.install(monkeypatch, devices)
        runtime = cupy.cuda.runtime
        monkeypatch.setattr(runtime, "driverGetVersion", lambda: driver)
        monkeypatch.setattr(runtime, "getDeviceCount", raising(count_error) if count_error else lambda: devices)
        monkeypatch.setattr(cupy, "arange", raising(launch_error) if launch_error else x or ARANGE)

    return setup


@pytest.fixture
def no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # import then raises ModuleNotFoundError


# ---- Device ----------------------------------------------------------------------------------------------


def test_a_device_reads_as_in_pytorch():
    assert (str(CPU), repr(CPU), CPU.index) == ("cpu", "device(type='cpu')", None)
    gpu = Device("cuda", 1)
    assert (str(gpu), repr(gpu), gpu.type, gpu.index) == ("cuda:1", "device(type='cuda', index=1)", "cuda", 1)
    assert Device("cuda") == Device("cuda", 0)


def test_equal_devices_are_one_key_and_different_ones_are_not():
    assert len({Device("cpu"), Device("cpu", 0), CPU, Device("cuda", 0), Device("cuda", 1)}) == 3
    assert CPU != "cpu"


def test_a_device_cannot_be_changed():
    with pytest.raises(AttributeError, match="cannot be changed"):
        CPU.type = "cuda"
    with pytest.raises(AttributeError, match="cannot be changed"):
        del CPU.index
    with pytest.raises(AttributeError, match="cannot be changed"):
        CPU.name = "x"


@pytest.mark.parametrize("original", [CPU, Device("cuda", 3)])
def test_a_device_survives_copying_and_pickling(original):
    assert copy.deepcopy(original) == original
    assert pickle.loads(pickle.dumps(original)) == original


# ---- device(...) -----------------------------------------------------------------------------------------


def test_a_device_and_cpu_are_taken_without_looking_for_a_gpu(monkeypatch):
    monkeypatch.setattr(module, "probe", lambda index=0: pytest.fail("probed"))
    assert device("cpu") is CPU
    assert device(Device("cuda", 7)) == Device("cuda", 7)
    assert device() is CPU


@pytest.mark.parametrize(
    "spec",
    ["gpu", "CPU", "cpu:0", "cuda:", "cuda:-1", "cuda:x", "cuda:1 ", "cuda:1\n", "", "cuda:²", 0, b"cpu"],
)
def test_an_unknown_device_is_refused_with_the_forms_that_are_known(spec):
    with pytest.raises(DeviceError, match="Unknown device") as error:
        device(spec)
    assert all(form in str(error.value) for form in (repr(spec), "'auto'", "'cpu'", "'cuda'", "'cuda:N'"))


@pytest.mark.parametrize(("spec", "index"), [("cuda", 0), ("cuda:0", 0), ("cuda:1", 1)])
def test_a_gpu_that_works_is_named_by_its_number(machine, spec, index):
    machine(devices=2)
    assert device(spec) == Device("cuda", index)


def test_a_gpu_that_is_not_there_is_an_error_that_says_why_and_what_to_type(no_cupy):
    with pytest.raises(DeviceError) as error:
        device("cuda")
    assert str(error.value) == (
        "Device cuda:0 cannot be used: CuPy is not installed. Try: pip install 'minigan[cuda13]'"
    )


def test_a_gpu_number_that_is_too_large_says_how_many_there_are(machine):
    machine(devices=2)
    with pytest.raises(DeviceError, match=r"Device cuda:2 .* There is no GPU number 2: counting from 0, 2 can be"):
        device("cuda:2")


def test_auto_takes_a_gpu_that_works(machine):
    machine()
    assert device("auto") == Device("cuda", 0)


@pytest.mark.parametrize(
    "properties",
    [
        {"driver": 0},
        {"devices": 0},
        {"count_error": CUDARuntimeError(100, "cudaErrorNoDevice")},
        {"launch_error": RuntimeError("libnvrtc.so.13 not found")},
        {"launch_error": OutOfMemoryError("out of memory")},
    ],
)
def test_auto_takes_the_cpu_if_anything_is_amiss_with_the_gpu(machine, properties):
    machine(**properties)
    assert device("auto") is CPU


def test_auto_takes_the_cpu_without_cupy(no_cupy):
    assert device("auto") is CPU


# ---- the default device ------------------------------------------------------------------------------------


def test_with_device_nests_and_restores_also_after_an_error():
    first, second = Device("cuda", 1), Device("cuda", 2)
    assert get_default_device() is CPU
    with first:
        with second, first, first:
            assert get_default_device() is first
        assert get_default_device() is first
        with pytest.raises(KeyError), second:
            raise KeyError
        assert get_default_device() is first
        assert device() is first
    assert get_default_device() is CPU


def test_set_default_device_lasts_to_the_end_of_its_with_block():
    gpu = Device("cuda", 1)
    try:
        set_default_device(gpu)
        with device("cpu"):
            assert get_default_device() is CPU
            set_default_device(Device("cuda", 2))
            assert get_default_device() == Device("cuda", 2)
        assert get_default_device() is gpu
    finally:
        set_default_device("cpu")
    assert get_default_device() is CPU


def test_the_default_device_of_one_thread_is_not_that_of_another():
    seen = []
    with Device("cuda", 1):
        thread = threading.Thread(target=lambda: seen.append(get_default_device()))
        thread.start()
        thread.join()
    assert seen == [CPU]


# ---- probe: one state and one command for each thing that can be amiss -------------------------------------


def test_probe_ok_names_the_gpu(machine):
    machine()
    assert probe() == ("ok", "The GPU cuda:0 works: NVIDIA H200, 139 GiB, CuPy 14.2.0.", "")


@pytest.mark.parametrize(
    ("driver", "sentence", "extra"),
    [
        (13000, "CuPy is not installed.", "cuda13"),
        (12040, "CuPy is not installed.", "cuda12"),
        (0, "CuPy is not installed, and no NVIDIA driver was found.", "cuda13"),
    ],
)
def test_probe_no_cupy_installs_the_wheel_that_fits_the_driver(no_cupy, monkeypatch, driver, sentence, extra):
    monkeypatch.setattr(module, "_driver_version", lambda: driver)
    assert probe() == ("no-cupy", sentence, f"pip install 'minigan[{extra}]'")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ImportError('libcudart is broken')", "ImportError: libcudart is broken"),
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        (
            "try: raise OSError('undefined symbol')\n"
            "except OSError as e: raise ImportError('=====\\na page of advice') from e",
            "OSError: undefined symbol",
        ),
        ("raise AttributeError()", "AttributeError"),
    ],
)
def test_probe_broken_import_gives_the_reason_in_one_line(monkeypatch, tmp_path, code, reason):
    (tmp_path / "cupy.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    state, sentence, command = probe()
    assert state == "broken-import"
    assert sentence == f"CuPy is installed, but importing it fails ({reason})."
    assert command == "pip uninstall -y cupy cupy-cuda12x cupy-cuda13x && pip install 'minigan[cuda13]'"


def test_probe_no_driver(machine):
    machine(driver=0)
    state, sentence, command = probe()
    assert (state, sentence) == ("no-driver", "CuPy 14.2.0 is installed, but no NVIDIA driver was found.")
    assert "install the driver" in command


@pytest.mark.parametrize(
    ("driver", "command"),
    [
        (12040, "pip uninstall -y cupy cupy-cuda12x cupy-cuda13x && pip install 'minigan[cuda12]'"),
        (11080, "update the driver from https://www.nvidia.com/drivers"),
    ],
)
def test_probe_old_driver_names_both_versions(machine, driver, command):
    machine(driver=driver, count_error=CUDARuntimeError(35, "cudaErrorInsufficientDriver"))
    supported = {12040: "12.4", 11080: "11.8"}[driver]
    sentence = f"The NVIDIA driver supports CUDA {supported}, but this CuPy needs 13.2."
    assert probe() == ("old-driver", sentence, command)


LIST = "nvidia-smi (it lists the GPUs, their state and who uses them)"


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({"devices": 0}, "There is no GPU number 0: counting from 0, 0 can be seen."),
        (
            {"count_error": CUDARuntimeError(100, "cudaErrorNoDevice: none")},
            "The NVIDIA driver offers no GPU (CUDARuntimeError: cudaErrorNoDevice: none).",
        ),
    ],
)
def test_probe_no_device_blames_the_variable_that_hides_gpus(machine, monkeypatch, properties, sentence):
    machine(**properties)
    assert probe() == ("no-device", sentence, LIST)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert probe() == ("no-device", sentence, "unset CUDA_VISIBLE_DEVICES")


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        (
            {"launch_error": CUDARuntimeError(46, "cudaErrorDevicesUnavailable")},
            "The GPU cuda:0 does not answer (CUDARuntimeError: cudaErrorDevicesUnavailable).",
        ),
        ({"x": lambda n, dtype: strict.MODULE.ones(n, dtype)}, "The GPU cuda:0 computes 12.0 where 26 is right."),
    ],
)
def test_probe_no_device_also_where_a_gpu_is_seen_but_does_not_compute(machine, properties, sentence):
    machine(**properties)
    assert probe() == ("no-device", sentence, LIST)


def test_probe_no_nvrtc_names_what_is_missing(machine):
    machine(launch_error=RuntimeError("libnvrtc.so was not found\nsearched in ..."))
    state, sentence, command = probe()
    assert (state, command) == ("no-nvrtc", "pip install 'minigan[cuda13]'")
    reason = "RuntimeError: libnvrtc.so was not found"
    assert sentence == f"CuPy sees the GPU cuda:0, but lacks a CUDA library to compute on it ({reason})."


@pytest.mark.parametrize(
    "error", [OutOfMemoryError("pool"), CUDARuntimeError(2, "no memory"), CUDADriverError(2, "no memory")]
)
def test_probe_no_memory(machine, error):
    machine(launch_error=error)
    assert probe() == ("no-memory", "The GPU cuda:0 has no free memory left.", LIST)


def test_probe_remembers_success_and_looks_again_after_a_failure(machine):
    machine(launch_error=OutOfMemoryError())
    assert probe().state == "no-memory"
    machine()
    assert probe().state == "ok"
    machine(driver=0)
    assert probe().state == "ok"
    assert probe(1).state == "no-driver"


def test_the_drivers_version_is_read_without_cupy(monkeypatch):
    monkeypatch.undo()  # the real function
    version = module._driver_version()
    assert version == 0 or 10000 <= version < 100000


def test_cupy_is_loaded_only_when_a_gpu_is_asked_for(tmp_path):
    (tmp_path / "cupy.py").write_text("raise ImportError('CuPy was loaded')")
    program = (
        "import sys; from minigan.backend.device import device, probe; device('cpu'); device();"
        "assert 'dataclasses' not in sys.modules; print(probe().sentence)"
    )
    path = [str(tmp_path), *(p for p in sys.path if p)]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "CuPy is installed, but importing it fails (ImportError: CuPy was loaded).\n"
