"""The scripts of examples/ that show the lab from Python run, and leave nothing behind."""

import subprocess
import sys

import pytest
from command_line import ENVIRONMENT
from pages import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("lab_*.py")), ids=lambda path: path.stem)
def test_a_script_prints_numbers_and_writes_nothing(script, tmp_path):
    command = [sys.executable, "-W", "error", script, "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert any(character.isdigit() for character in done.stdout)
    assert not list(tmp_path.iterdir())
