"""A run folder from a stranger: what lies in it under the names of a run may be a link to any file of ours."""

import os

import pytest
from tiny_runs import at_step, contents, files, quick_curves, resumed, stop, tiny, trained  # noqa: F401

from minigan.errors import RunError
from minigan.gan import Run, journal
from minigan.serialization import write_whole


@pytest.fixture
def ours(tmp_path):
    """A folder and a file that nobody gave away."""
    (tmp_path / "ours").mkdir()
    for name in ("epoch-003.png", "step-00000001.safetensors", "log.jsonl"):
        (tmp_path / "ours" / name).write_bytes(b'{"step": 9, "precious": 1}\n')
    return tmp_path / "ours"


@pytest.mark.parametrize(
    ("name", "target", "what"),
    [
        ("log.jsonl", "log.jsonl", "file"),
        ("timing.jsonl", "log.jsonl", "file"),
        ("samples", "", "folder"),
        ("checkpoints", "", "folder"),
        ("samples", "nowhere", "folder"),
    ],
)
def test_a_run_in_which_a_link_leads_out_is_not_gone_on_with(tmp_path, ours, name, target, what):
    run = trained(tmp_path / "x", at_step(4, stop))
    (run.path / name).rename(tmp_path / "away")
    (run.path / name).symlink_to(ours / target)
    before, listed = contents(ours), files(run.path)
    with pytest.raises(RunError) as error:
        Run.resume(run.path)
    assert str(error.value) == (
        f"{run.path / name} is a link; expected a {what} of the run's own, as a training changes what it finds there. "
        f"Put the real {what} in this place."
    )
    assert (contents(ours), files(run.path)) == (before, listed)


@pytest.mark.parametrize(("name", "what"), [("timing.jsonl", "file"), ("samples", "folder")])
def test_a_pipe_is_not_waited_for(tmp_path, name, what):
    run = trained(tmp_path / "x", at_step(4, stop))
    (run.path / name).rename(tmp_path / "away")
    os.mkfifo(run.path / name)
    with pytest.raises(RunError, match=rf"x/{name} is no {what}; expected a {what} of the run's own"):
        Run.resume(run.path)


def test_a_run_that_is_itself_reached_through_a_link_is_gone_on_with(tmp_path):
    run = trained(tmp_path / "x", at_step(4, stop))
    (tmp_path / "link").symlink_to(run.path)
    assert resumed(tmp_path / "link").log()[-1]["step"] == 7


def test_pictures_and_checkpoints_that_are_links_are_replaced_and_what_they_lead_to_stays(tmp_path, ours):
    run = trained(tmp_path / "x", at_step(4, stop))
    before = contents(ours)
    for link, target in (
        ("samples/epoch-002.png", "epoch-003.png"),
        ("curves.png", "epoch-003.png"),
        ("checkpoints/step-00000009.safetensors", "step-00000001.safetensors"),
        (f".config.toml.{os.getpid()}.tmp", "log.jsonl"),
    ):
        (run.path / link).unlink(missing_ok=True)
        (run.path / link).symlink_to(ours / target)
    with pytest.raises(RunError, match=r"Cannot write .*config\.toml: Too many levels of symbolic links"):
        resumed(run.path)
    resumed(run.path)  # what was in the way is gone
    assert contents(ours) == before
    assert not (run.path / "samples" / "epoch-002.png").is_symlink()


def test_no_line_is_written_and_none_is_cut_through_a_link(tmp_path, ours):
    """Not even where it comes when the run has begun."""
    link = tmp_path / "log.jsonl"
    link.symlink_to(ours / "log.jsonl")
    before = contents(ours)
    for change in (
        lambda: journal.append(link, {"step": 1}),
        lambda: journal.cut(link, 3),
        lambda: journal.flush(link),
    ):
        with pytest.raises(RunError, match="Too many levels of symbolic links"):
            change()
    write_whole(link, b"whole")
    assert (link.is_symlink(), link.read_bytes()) == (False, b"whole")
    assert contents(ours) == before
