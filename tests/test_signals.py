"""Ctrl-C, SIGTERM and SIGHUP: the step in hand is finished and saved; what nobody asked for is left alone."""

import os
import signal
import time
from contextlib import contextmanager, suppress

import pytest
from tiny_runs import at_step, quick_curves, tiny, trained, trainer_of  # noqa: F401

from minigan.gan import Extension, Run
from minigan.gan.signals import Stopped, exit_code, on_stop_signal, raise_if_stopped, raise_on_stop_signal

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}


@contextmanager
def handlers(wanted):
    """These handlers, whatever the program that started pytest left here; afterwards they must still be there."""
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        yield
        assert {number: signal.getsignal(number) for number in wanted} == wanted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture
def usual():
    with handlers(USUAL):
        yield


def send(number):
    return lambda trainer: os.kill(os.getpid(), number)


class Notes(Extension):
    def __init__(self):
        self.calls = []

    def after_step(self, trainer):
        self.calls.append(trainer.step)

    def end(self, trainer):
        self.calls.append("end")

    def failed(self, trainer, error):
        self.calls.append(type(error).__name__)


# ---- what they do ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_finishes_the_step_and_ends_the_run_in_good_order(usual, number):
    notes = Notes()
    t = trainer_of(tiny(steps=100), None, at_step(4, send(number)), notes)
    t.run()
    assert (t.stopped, t.stopped_by, notes.calls) == (True, number, [1, 2, 3, 4, "end"])


@pytest.mark.parametrize("number", SIGNALS)
def test_the_step_after_which_a_signal_stopped_the_run_is_saved(usual, number, tmp_path):
    run = trained(tmp_path / "x", at_step(5, send(number)), steps=100)
    assert run.checkpoints()[-1].name == "step-00000005.safetensors"
    assert Run.open(run.path).checkpoint["step"] == 5


def test_the_checkpoint_is_written_before_the_pictures_of_the_end(usual, tmp_path):
    """Who sent the signal may not wait for ever."""
    seen = []
    extension = Extension()
    extension.end = lambda trainer: seen.append(trainer.checkpoint.name)
    config = tiny(steps=100)
    run = Run.create(tmp_path / "x", config)
    t = trainer_of(config, run, at_step(5, send(signal.SIGTERM)))
    t.extensions.insert(0, extension)
    t.run()
    assert seen == ["step-00000005.safetensors"]


def test_a_second_ctrl_c_interrupts_at_once(usual):
    notes = Notes()
    with pytest.raises(KeyboardInterrupt):
        trainer_of(tiny(), None, *[at_step(4, send(signal.SIGINT))] * 2, notes).run()
    assert notes.calls == [1, 2, 3, "KeyboardInterrupt"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_after_another_signal_too_a_ctrl_c_interrupts_at_once(usual, number):
    with pytest.raises(KeyboardInterrupt):
        trainer_of(tiny(), None, at_step(4, send(number)), at_step(4, send(signal.SIGINT))).run()


def test_more_of_the_other_signals_do_not_disturb_the_saving(usual):
    t = trainer_of(tiny(), None, at_step(4, send(signal.SIGINT)), *[at_step(4, send(signal.SIGTERM))] * 3)
    t.run()
    assert (t.step, t.stopped_by) == (4, signal.SIGINT)


def test_a_signal_while_the_end_is_written_loses_nothing(usual):
    first, notes = Extension(), Notes()
    first.end = send(signal.SIGINT)
    trainer_of(tiny(steps=4), None, first, notes).run()
    assert notes.calls[-1] == "end"


def test_a_signal_before_the_first_step_stops_before_it(usual, tmp_path):
    first = Extension()
    first.start = send(signal.SIGTERM)
    run = trained(tmp_path / "x", first)
    assert run.checkpoints() == []
    assert run.log() == []


# ---- what they leave alone -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", SIGNALS)
def test_a_handler_of_somebody_else_is_left_alone(number):
    heard = []

    def note(*_):
        heard.append(number)

    with handlers({number: note}):
        t = trainer_of(tiny(), None, at_step(4, send(number)))
        t.run()
    assert (heard, t.step, t.stopped_by) == ([number], 7, None)


def test_a_hangup_that_nohup_ignores_stays_ignored():
    with handlers({**USUAL, signal.SIGHUP: signal.SIG_IGN}):
        t = trainer_of(tiny(), None, at_step(4, send(signal.SIGHUP)))
        t.run()
    assert t.step == 7


def test_the_handlers_are_put_back_after_an_error_too(usual):
    with pytest.raises(ZeroDivisionError):
        trainer_of(tiny(), None, at_step(2, lambda _: 1 / 0)).run()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_exit_code_is_the_one_that_a_shell_gives(number, code):
    assert exit_code(number) == code


def test_only_the_first_signal_is_told(usual):
    told = []
    with on_stop_signal(told.append):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), number)
            time.sleep(0)  # lets the handler run
    assert told == [signal.SIGTERM]


# ---- what is raised ----------------------------------------------------------------------------------------


def swallows():
    with suppress(BaseException):
        signal.raise_signal(signal.SIGTERM)


def replaces():
    try:
        signal.raise_signal(signal.SIGTERM)
    except BaseException:
        raise ValueError("Invalid bounding box") from None


@pytest.mark.usefixtures("usual")
@pytest.mark.parametrize("library", [swallows, replaces])
def test_a_library_that_catches_what_a_signal_raises_stops_nobody_from_stopping(library):
    with pytest.raises(Stopped) as found, raise_on_stop_signal():
        library()
    assert found.value.number == signal.SIGTERM


class Destroyed:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("usual")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_a_destructor_lost_is_raised_before_what_cannot_be_taken_back():
    done = []

    def work():
        with raise_on_stop_signal():
            pass  # one inside that is over takes nothing away
        Destroyed()
        raise_if_stopped()
        done.append("what cannot be taken back")

    with pytest.raises(Stopped) as found, raise_on_stop_signal():
        work()
    assert (found.value.number, done) == (signal.SIGTERM, [])
    raise_if_stopped()  # nobody listens any more


@pytest.mark.usefixtures("usual")
def test_without_a_signal_errors_are_what_they_are():
    with pytest.raises(ValueError, match="mine"), raise_on_stop_signal():
        raise ValueError("mine")
