"""What every test may rely on: fresh random streams, PyTorch where it is there, and skips that can be forbidden."""

import importlib
import importlib.util
import os
import signal

import pytest

import minigan as mg

NO_TORCH = "PyTorch is not installed: pip install torch"


def pytest_addoption(parser):
    parser.addoption("--no-skips", action="store_true", help="a test that would be skipped fails")


def pytest_configure(config):
    if config.getoption("numprocesses", 0):  # pytest -n: BLAS threads of several processes would wait for each other
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    # A shell without job control starts background jobs with Ctrl-C switched off, for them and all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    if importlib.util.find_spec("torch") is None:
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason=NO_TORCH))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    _forbid_skip(item.config, (yield).get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    _forbid_skip(collector.config, (yield).get_result())


def _forbid_skip(config, report):
    if config.getoption("--no-skips") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"--no-skips was given, but: {reason}"


@pytest.fixture
def torch():
    """PyTorch. A test that asks for it carries the marker ``torch``, too."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip(NO_TORCH)
    return importlib.import_module("torch")


@pytest.fixture(autouse=True)
def fresh_random_streams():
    mg.manual_seed(0)
    mg.set_step(0)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, beside a folder with data."""
    from command_line import write_data

    write_data(tmp_path / "data")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def run(here, capfd):
    """The folder of a finished run, runs/default."""
    from command_line import TINY

    from minigan.cli import main

    assert main(["train", "--data", "../data", "--epochs", "1", *TINY]) == 0
    capfd.readouterr()
    return here / "runs" / "default"
