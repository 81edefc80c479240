"""`minigan bench`: what it prints, writes and refuses."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from bench_points import CPU, GPU, LIMITS, a_point, two_devices
from command_line import done, refused
from PIL import Image

from minigan import blas
from minigan.backend.device import Probe
from minigan.bench import expected, memory, report
from minigan.bench.expected import Expectation, Line
from minigan.bench.progress import at, progress
from minigan.bench.report import Report
from minigan.bench.work import BATCH_SIZES, Work
from minigan.cli import main
from minigan.commands import measuring
from minigan.errors import ConfigError, ShapeError
from minigan.gan import load_preset
from minigan.gan.config import set_field

pytestmark = pytest.mark.slow

QUICK = ["--batch-sizes", "4,2", "--seconds", "0.01", "--device", "cpu", "--out", "out"]


@pytest.fixture(autouse=True)
def known_limits(monkeypatch):
    """Real ones take a second to measure."""
    monkeypatch.setattr(measuring, "limits", lambda device: LIMITS)


# ---- the command ---------------------------------------------------------------------------------------------


def test_the_command_prints_a_table_and_writes_numbers_and_pictures(here, capfd):
    out = done(capfd, "bench", "ring", *QUICK)
    table = [line.split() for line in out.split("\nring on cpu")[1].splitlines()]
    assert [row[:2] for row in table[3:7]] == [["2", "eager"], ["2", "captured"], ["4", "eager"], ["4", "captured"]]
    assert "ms/step: the median over blocks" in out
    written = ["results.json", "speed-ring.png", "kernels-ring.png"]
    assert sorted(path.name for path in (here / "out").iterdir()) == sorted(written)
    assert out.splitlines()[-3:] == [f"Wrote out/{name}" for name in written]
    for name in written[1:]:
        Image.open(here / "out" / name).load()
    found = json.loads((here / "out" / "results.json").read_text())
    assert found["command"].startswith("minigan bench ring --batch-sizes 4,2")
    assert found["machine"]["numpy"] == np.__version__
    assert found["devices"]["cpu"]["matmul_flops_per_s"] == 100e9
    assert found["devices"]["cpu"]["copy_bytes_per_s"] == {"1000000": 50e9, "100000000": 20e9}
    assert (found["crossovers"], found["left_out"], found["finished"]) == ([], [], True)
    assert [point["batch_size"] for point in found["points"]] == [2, 4]
    for point in found["points"]:
        assert sum(kernel["flops"] for kernel in point["kernels"]) == pytest.approx(point["flops"])
        in_kernels = sum(kernel["seconds"] for kernel in point["kernels"])
        eager = point["modes"]["eager"]["seconds_per_step"]
        assert in_kernels + point["seconds_outside_kernels"] == pytest.approx(eager)
        assert point["modes"].keys() == {"eager", "captured"}
        for timing in point["modes"].values():
            assert len(timing["blocks"]) >= 5
            assert timing["10%"] <= timing["seconds_per_step"] <= timing["90%"]
            assert timing["samples_per_s"] == pytest.approx(point["samples"] / timing["seconds_per_step"])
            assert timing["flops_per_s"] == pytest.approx(point["flops"] / timing["seconds_per_step"])
            assert timing["share"] == pytest.approx(point["seconds_at_limits"] / timing["seconds_per_step"])
            assert timing["peak_bytes"] > 0


def test_two_devices_are_compared_in_the_file(tmp_path, monkeypatch):
    described = {"gpu": {"name": "H200"}, "cpu": "Zen", "blas_threads": 2}
    monkeypatch.setattr(report, "environment", lambda device=CPU: described)
    found = Report("minigan bench", {CPU: LIMITS, GPU: LIMITS}, two_devices(crossover=16), ["nothing"])
    files = [found.write(tmp_path), *found.plot(tmp_path)]
    assert [path.name for path in files] == ["results.json", "speed-made-up.png", "kernels-made-up.png"]
    found = json.loads(files[0].read_text())
    assert {name: device["name"] for name, device in found["devices"].items()} == {
        "cpu": "Zen, 2 threads",
        "cuda:0": "H200",
    }
    assert [each["batch_size"] for each in found["crossovers"]] == [pytest.approx(64), pytest.approx(16)]
    assert found["crossovers"][1]["in_words"] == "made-up, captured: cuda:0 overtakes cpu at batch size 16"
    assert found["left_out"] == ["nothing"]


@pytest.fixture
def unmeasured(monkeypatch):
    """Points are made up in no time; call it with what happens at some batch sizes."""

    def setup(**at):
        def made_up(work, batch_size, device, limits, seconds, blocks=5, tell=None):
            happens = at.get(f"at_{batch_size}")
            if happens is not None:
                raise happens
            return a_point(str(device), batch_size, preset=work.name)

        for module in (measuring, expected):
            monkeypatch.setattr(module, "measure", made_up)

    return setup


def test_without_a_gpu_it_says_so_in_a_line_and_measures_the_cpu(here, capfd, monkeypatch, unmeasured):
    unmeasured()
    monkeypatch.setattr(measuring, "probe", lambda index=0: Probe("no-cupy", "CuPy is not installed."))
    out = done(capfd, "bench", "--quick", "--out", "out")
    assert "\ncuda      is left out. CuPy is not installed.\n" in out
    assert "\nreference on cpu" in out
    assert "reference on cuda" not in out
    assert "CuPy is not installed" not in done(capfd, "bench", "--quick", "--device", "cpu")


def test_every_gpu_that_works_is_measured(monkeypatch):
    probes = [Probe("ok", "works"), Probe("no-memory", "is full"), Probe("ok", "works")]
    monkeypatch.setattr(measuring, "probe", lambda index=0: probes[index])
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: 3)))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert list(map(str, measuring._devices("all"))) == ["cpu", "cuda:0", "cuda:2"]
    assert list(map(str, measuring._devices("cpu"))) == ["cpu"]


def test_what_is_done_is_said_before_anything_is_measured(here, capfd, monkeypatch, unmeasured):
    unmeasured()
    said = []
    monkeypatch.setattr(measuring, "limits", lambda device: said.append(capfd.readouterr().out) or LIMITS)
    done(capfd, "bench", "ring", "--batch-sizes", "2", "--device", "cpu", "--out", "out")
    assert said[0].startswith("measures  training steps of ring, eager and captured\ncpu       ")
    assert said[0].endswith("\nwrites    out/\n")


def test_on_a_terminal_a_line_tells_what_is_being_done_and_is_gone_in_the_end(capsys, monkeypatch):
    for terminal, shown in ((True, "\r\x1b[Kring: timed\r\x1b[K"), (False, "")):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal, raising=False)
        with progress() as tell:
            at(tell, "ring")("timed")
        assert capsys.readouterr().err == shown


def test_the_table_and_the_file_say_which_kernels_of_the_blas_ran(here, capfd, monkeypatch, unmeasured):
    unmeasured()
    monkeypatch.setattr(blas, "running", lambda: blas.Blas("OpenBLAS", "Zen", 2, "BLAS"))
    monkeypatch.setattr(measuring, "running", blas.running)
    out = done(capfd, "bench", "ring", "--batch-sizes", "2", "--device", "cpu", "--out", "out")
    assert "\nring on cpu (Zen kernels)\n" in out
    assert json.loads((here / "out" / "results.json").read_text())["machine"]["blas_kernels"] == "Zen"


def test_without_out_each_time_gets_a_folder_of_its_own(here, capfd, unmeasured):
    unmeasured()
    for folder in ("bench", "bench-2"):
        assert f"Wrote {folder}/results.json" in done(capfd, "bench", "ring", "--batch-sizes", "2", "--device", "cpu")
        assert (here / folder / "results.json").is_file()


def test_batches_that_do_not_fit_into_memory_are_left_out_with_the_largest_that_does(
    here, capfd, monkeypatch, unmeasured
):
    unmeasured()
    monkeypatch.setattr(measuring, "expect", lambda *_: Expectation(Line(0, 0), Line(2**20, 2**20), Line(0, 0)))
    monkeypatch.setattr(measuring, "usable_memory", lambda device: 101 * 2**20)
    out = done(capfd, "bench", "ring", "--batch-sizes", "64,128,256", "--device", "cpu", "--out", "out")
    why = "batch sizes from 128 on take more than the 0.1 GiB that may be used; about 100 would fit"
    assert f"left out: {why}\n" in out
    found = json.loads((here / "out" / "results.json").read_text())
    assert [point["batch_size"] for point in found["points"]] == [64]
    assert found["left_out"] == [f"ring on cpu: {why}"]


def test_a_point_that_runs_out_of_memory_ends_its_column_and_no_other(here, capfd, unmeasured):
    unmeasured(at_128=MemoryError())
    out = done(capfd, "bench", "ring", "grid", "--batch-sizes", "2,128,256", "--device", "cpu", "--out", "out")
    why = "batch sizes from 128 on run out of memory; 2 is the largest measured that fits"
    assert out.count(f"left out: {why}\n") == 2
    points = json.loads((here / "out" / "results.json").read_text())["points"]
    assert [(point["preset"], point["batch_size"]) for point in points] == [("ring", 2), ("grid", 2)]


def test_a_batch_that_the_game_cannot_play_is_left_out_with_the_reason(here, capfd, unmeasured):
    unmeasured(at_3=ConfigError("Packs of 2 need an even batch."))
    out = done(capfd, "bench", "ring", "--batch-sizes", "2,3,4", "--device", "cpu", "--out", "out")
    assert "left out: batch size 3: Packs of 2 need an even batch.\n" in out
    points = json.loads((here / "out" / "results.json").read_text())["points"]
    assert [point["batch_size"] for point in points] == [2, 4]


@pytest.mark.parametrize("error", [MemoryError(), ConfigError("no"), ShapeError("no")])
def test_sizes_that_cannot_be_looked_at_first_are_tried_one_by_one(here, capfd, unmeasured, error):
    unmeasured(at_64=error)
    done(capfd, "bench", "ring", "--batch-sizes", "2,64", "--device", "cpu", "--out", "out")
    found = json.loads((here / "out" / "results.json").read_text())
    assert [point["batch_size"] for point in found["points"]] == [2]
    assert len(found["left_out"]) == 1
    assert found["finished"]


def test_a_preset_that_cannot_play_such_batches_is_left_out_and_the_others_are_measured(here, capfd):
    out = done(capfd, "bench", "ring", "dcgan", "--batch-sizes", "1", "--quick", "--device", "cpu", "--out", "out")
    assert "left out: batch size 1: " in out
    found = json.loads((here / "out" / "results.json").read_text())
    assert [(point["preset"], point["batch_size"]) for point in found["points"]] == [("ring", 1)]
    assert [text.startswith("dcgan on cpu: batch size 1: ") for text in found["left_out"]] == [True]


def test_where_nothing_can_be_measured_the_error_names_preset_and_batch_size(here, capfd):
    assert main(["bench", "dcgan", "--batch-sizes", "1", "--device", "cpu", "--out", "out"]) == 2
    said = capfd.readouterr().err
    assert said.startswith("minigan: Nothing could be measured: dcgan on cpu: batch size 1: ")
    assert said.count("\n") == 1
    assert not (here / "out").exists()


def test_too_little_memory_for_the_limits_is_told_with_what_bench_has(here, capfd, monkeypatch, unmeasured):
    def limits(device):
        raise MemoryError("Unable to allocate 256. MiB")

    unmeasured()
    monkeypatch.setattr(measuring, "limits", limits)
    assert main(["bench", "ring", "--device", "cpu", "--out", "out"]) == 2
    sentence = "Out of memory (Unable to allocate 256. MiB); close other programs, or choose another --device."
    assert capfd.readouterr().err == f"minigan: {sentence}\n"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["rong"], "No preset 'rong': expected one of"),
        (["ring", "--batch-sizes", "0"], "--batch-sizes: expected a whole number of at least 1, but got '0'"),
        (["ring", "--batch-sizes", "8,"], "--batch-sizes: expected a whole number of at least 1, but got ''"),
        (
            ["reference", "--batch-sizes", "8,70000"],
            "--batch-sizes: 70,000 is more than the 60,000 samples of MNIST, which reference is trained on; "
            "choose sizes of at most 60,000.",
        ),
        *(
            (["ring", "--seconds", text], f"--seconds: expected a number from 0.01 to 3600, but got '{text}'")
            for text in ("0", "3601", "1e300", "inf", "nan", "long")
        ),
        (
            ["ring", "--device", "gpu"],
            "--device: expected all, auto, cpu, cuda or cuda:N, N from 0, but got 'gpu'",
        ),
        (["ring", "--out", "file"], "--out file: this is a file, but a folder was expected; choose another."),
        (["ring", "--out", "file/below"], "Cannot make the folder file/below"),
        (["ring", "--out", "."], "--out .: this folder is not empty (it holds file); choose one that is empty or new."),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence_and_nothing_is_written(
    here, capfd, unmeasured, argv, sentence
):
    unmeasured()
    (here / "file").write_text("mine")
    assert sentence in refused(capfd, ["bench", *argv])
    assert [path.name for path in here.iterdir()] == ["file"]
    assert (here / "file").read_text() == "mine"


def test_a_gpu_that_is_not_there_is_named_with_what_to_type(here, capfd, monkeypatch):
    from minigan.backend import device

    monkeypatch.setattr(
        device, "probe", lambda index=0: Probe("no-driver", "No NVIDIA driver was found.", "install it")
    )
    said = refused(capfd, ["bench", "ring", "--device", "cuda"])
    assert said == "Device cuda:0 cannot be used: No NVIDIA driver was found. Try: install it\n"
    assert list(here.iterdir()) == []


def test_data_with_fewer_samples_are_measured_as_far_as_they_go():
    config = set_field(load_preset("ring"), "data.count=100")
    assert Work.of(config).batch_sizes == (1, 2, 4, 8, 16, 32, 64)
    assert Work.of(load_preset("ring")).batch_sizes == BATCH_SIZES == tuple(2**k for k in range(14))


def test_a_part_of_the_memory_is_left_to_the_system(monkeypatch):
    monkeypatch.setattr(memory, "physical_memory", lambda: 1000)
    assert memory.usable_memory(CPU) == 750
    monkeypatch.setattr(memory, "physical_memory", lambda: None)
    assert memory.usable_memory(CPU) > 10**18
