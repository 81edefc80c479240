"""The option --no-skips: continuous integration relies on it, so that no comparison is skipped unseen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minigan

SKIPPED = {
    "inside": "import pytest\ndef test_it():\n    pytest.skip('no time')\n",
    "marked": "import pytest\n@pytest.mark.skip(reason='no time')\ndef test_it():\n    pass\n",
    "module": "import pytest\npytest.skip('no time', allow_module_level=True)\n",
    "fixture": (
        "import pytest\n@pytest.fixture\ndef late():\n    pytest.skip('no time')\ndef test_it(late):\n    pass\n"
    ),
}
EXPECTED_TO_FAIL = "import pytest\n@pytest.mark.xfail\ndef test_it():\n    assert False\n"


@pytest.fixture
def run_pytest(tmp_path):
    """Run pytest on files of these texts, beside a copy of conftest.py: the exit status and the output."""
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)

    def run(texts, *options):
        for name, text in texts.items():
            (tmp_path / f"test_{name}.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(minigan.__file__).parents[1])},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    return run


def test_with_the_option_a_skip_of_any_kind_fails_and_says_why(run_pytest):
    status, output = run_pytest({**SKIPPED, "xfail": EXPECTED_TO_FAIL}, "--no-skips", "--continue-on-collection-errors")
    assert status == 1
    for kind in SKIPPED:
        assert f"test_{kind}.py" in output
    assert "--no-skips was given, but: Skipped: no time" in output
    assert "1 failed, 1 xfailed, 3 errors" in output  # a skip before the test itself runs becomes an error


def test_without_the_option_a_skip_is_a_skip(run_pytest):
    status, output = run_pytest(SKIPPED)
    assert status == 0
    assert "4 skipped" in output
