"""A process that keeps freed memory takes no new pages for arrays that come and go."""

import subprocess
import sys

import pytest

PROGRAM = """
import platform, resource, sys
import numpy as np
from minigan.backend.memory import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
def come_and_go():
    arrays = [np.ones(1_000_000, np.float32) for _ in range(4)]
for _ in range(3):
    come_and_go()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    come_and_go()
print(kept, platform.libc_ver()[0] == "glibc", resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    kept, glibc, count = done.stdout.split()
    return kept, glibc == "True", int(count)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither glibc nor this way to count pages")
def test_arrays_that_come_and_go_take_no_new_pages():
    kept, glibc, count = faults("keep")
    assert kept == str(glibc)
    if glibc:
        assert count < 100 < faults("leave")[2]
