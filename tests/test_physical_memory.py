"""How much memory there is: that of the machine, or what a container or a batch system leaves of it."""

import os

import pytest

from minigan.backend import memory

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Control groups as Linux shows them; of each its limit in bytes, or "max"."""

    def make(lines, **limits):
        (tmp_path / "cgroup").write_text(lines)
        monkeypatch.setattr(memory, "_GROUPS", tmp_path / "cgroup")
        monkeypatch.setattr(memory, "_MOUNTS", {"": tmp_path / "v2", "memory": tmp_path / "v1"})
        for path, limit in limits.items():
            file = tmp_path / path.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            name = "memory.max" if path.startswith("v2") else "memory.limit_in_bytes"
            file.mkdir(exist_ok=True)
            (file / name).write_text(f"{limit}\n")

    return make


def test_without_limits_it_is_that_of_the_machine(groups):
    groups("0::/\n")
    assert memory.physical_memory() == MACHINE
    groups("0::/job\n", v2__job="max")
    assert memory.physical_memory() == MACHINE
    groups("4:memory:/job\n", v1__job=9223372036854771712)  # what the first version has for none
    assert memory.physical_memory() == MACHINE


def test_the_limit_of_a_group_counts_in_both_versions(groups):
    groups("0::/job\n", v2__job=1 << 26)
    assert memory.physical_memory() == 1 << 26
    groups("5:cpu:/other\n4:hugetlb,memory:/task\n0::/\n", v1__task=1 << 25)
    assert memory.physical_memory() == 1 << 25


def test_the_least_of_the_groups_around_counts(groups):
    groups("0::/a/b/c\n", v2__a=1 << 25, v2__a__b="max", v2__a__b__c=1 << 26)
    assert memory.physical_memory() == 1 << 25


def test_in_a_container_that_does_not_see_its_own_path_the_root_is_its_group(groups):
    groups("4:memory:/docker/1f3\n", v1=1 << 25)
    assert memory.physical_memory() == 1 << 25


def test_a_system_without_groups_has_no_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "none")
    assert memory.physical_memory() == MACHINE


def test_nobody_tells_on_windows(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "none")
    monkeypatch.delattr(os, "sysconf")
    assert memory.physical_memory() is None
