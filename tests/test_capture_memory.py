"""Replays allocate no arrays, programs need no more memory than functions as written, and nothing is left behind."""

import copy
import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.backend import philox
from minigan.captured import recorder
from minigan.gan.ema import EMA

F = nn.functional
SMALL = 3 * 8192 * 4 + 4096  # bytes: NumPy's own buffers for three operands, 8192 numbers each, and Python's objects
BATCH = 512  # so that each array of samples is larger


class Play:
    """A step of a GAN like the reference one: MLPs with dropout, logits, two Adams, an average."""

    def __init__(self, draws=True):
        p = 0.3 if draws else 0.0
        self.G = nn.Sequential(nn.Linear(50, 128), nn.LeakyReLU(0.2), nn.Linear(128, 300), nn.Tanh())
        self.D = nn.Sequential(
            nn.Linear(300, 128),
            nn.LeakyReLU(0.2),
            nn.Dropout(p),
            nn.Linear(128, 64),
            nn.LeakyReLU(0.2),
            nn.Linear(64, 1),
        )
        self.of_G = mg.optim.Adam(self.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.of_D = mg.optim.Adam(self.D.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.average = EMA(self.G, 0.999)
        self.one, self.zero = mg.ones(BATCH, 1), mg.zeros(BATCH, 1)
        self.z = None if draws else mg.randn(BATCH, 50)

    def step(self, real):
        fake = self.G(mg.randn(BATCH, 50) if self.z is None else self.z)
        of_both = F.binary_cross_entropy_with_logits
        loss_D = of_both(self.D(real), self.one) + of_both(self.D(fake.detach()), self.zero)
        self.of_D.zero_grad()
        loss_D.backward()
        nn.utils.clip_grad_norm_(self.D.parameters(), 5.0)
        self.of_D.step()
        with self.D.frozen():
            loss_G = of_both(self.D(fake), self.one)
            self.of_G.zero_grad()
            loss_G.backward()
        self.of_G.step()
        self.average.update()
        return loss_D, loss_G


@pytest.fixture(autouse=True)
def traced():
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


def used():
    """The bytes of all that there is now."""
    return tracemalloc.get_traced_memory()[0]


def in_arrays():
    """The bytes of all arrays that there are now."""
    of_numpy = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([of_numpy]).traces)


def peak_of(call):
    """How many bytes more than before were in use at a time during the call."""
    before = used()
    tracemalloc.reset_peak()
    call()
    return tracemalloc.get_traced_memory()[1] - before


def images(seed=0):
    return mg.tensor(np.random.default_rng(seed).standard_normal((BATCH, 300)).astype(np.float32))


def warm(step, real, calls=4):
    for _ in range(calls):
        step(real)
    return step


# ---- during a replay -------------------------------------------------------------------------------------


def test_a_replay_allocates_no_arrays():
    play, real = Play(draws=False), images()
    step = warm(mg.capture(play.step), real)
    as_written = peak_of(lambda: play.step(real))
    assert peak_of(lambda: step(real)) < SMALL < as_written / 10


def test_but_for_the_raw_random_words_a_replay_allocates_no_arrays(monkeypatch):
    play, real = Play(), images()
    step = warm(mg.capture(play.step), real)
    words = np.random.default_rng(0).integers(0, 2**63, 1 << 20, np.uint64)
    monkeypatch.setattr(recorder.philox, "words", lambda n, **where: words[:n])
    assert peak_of(lambda: step(real)) < SMALL


def test_with_its_words_a_replay_allocates_less_than_the_function_as_written():
    play, real = Play(), images()
    step = warm(mg.capture(play.step), real)
    words = max(
        peak_of(lambda n=n: philox.words(n, seed=0, purpose=1, step=0, site=0)) for n in (BATCH * 25, BATCH * 32)
    )
    assert peak_of(lambda: step(real)) < words + SMALL


def test_convolutions_and_batch_norm_allocate_nothing_in_a_replay():
    net = nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.2), nn.ConvTranspose2d(16, 4, 4, 2, 1), nn.Tanh()
    )
    optimizer = mg.optim.RMSprop(net.parameters(), lr=1e-3, momentum=0.5, centered=True)

    def function(x):
        optimizer.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    x = mg.randn(64, 1, 28, 28)
    step = warm(mg.capture(function), x)
    assert peak_of(lambda: step(x)) < SMALL < peak_of(lambda: function(x)) / 10


def test_a_penalty_on_the_gradient_allocates_nothing_in_a_replay():
    D = nn.Sequential(nn.Linear(300, 200), nn.Softplus(), nn.Linear(200, 1))

    def function(x):
        x = x.detach().requires_grad_()
        (gx,) = mg.grad(D(x).sum(), x, create_graph=True)
        D.zero_grad()
        loss = (gx * gx).sum(1).mean()
        loss.backward()
        return loss

    real = images()
    step = warm(mg.capture(function), real)
    assert peak_of(lambda: step(real)) < SMALL < peak_of(lambda: function(real)) / 10


def test_a_call_that_runs_as_written_takes_the_place_of_the_buffer():
    play, real = Play(draws=False), images()
    step = warm(mg.capture(play.step), real)
    size = step.program.nbytes
    as_written = peak_of(lambda: play.step(real))
    play.of_D.param_groups[0]["eps"] = 1e-7  # so that no program fits
    assert peak_of(lambda: step(real)) < as_written - size / 2


# ---- the plan --------------------------------------------------------------------------------------------


def test_the_buffer_is_no_larger_than_the_arrays_of_the_function_as_written():
    for play in (Play(), Play(draws=False)):
        real = images()
        step = warm(mg.capture(play.step), real)
        assert 0 < step.program.nbytes <= peak_of(lambda play=play, real=real: play.step(real))


def test_what_a_program_takes_is_its_buffer_its_arguments_and_its_results():
    play, real = Play(draws=False), images()
    step = mg.capture(play.step)
    step(real)
    before = in_arrays()
    step(real)
    few = 2048  # the numbers that change, the results, and the padding of the buffer
    assert 0 <= in_arrays() - before - step.program.nbytes - real._data.nbytes < few


def test_a_longer_chain_takes_no_larger_buffer():
    def chain(length):
        def function(x):
            with mg.no_grad():
                for _ in range(length):
                    x = mg.tanh(x * 2)
                return x.sum()

        return warm(mg.capture(function), images(), 3).program.nbytes

    assert chain(40) == chain(4) <= 3 * images()._data.nbytes


# ---- afterwards ------------------------------------------------------------------------------------------


def test_two_hundred_replays_leave_nothing_behind():
    play, real = Play(), images()
    step = warm(mg.capture(play.step), real)
    gc.collect()
    objects, before = len(gc.get_objects()), in_arrays()
    for _ in range(200):
        step(real)
    assert in_arrays() == before
    assert len(gc.get_objects()) - objects < 20
    assert gc.collect() == 0


def test_a_program_dies_with_its_function():
    play, real = Play(), images()
    warm(play.step, real, 2)
    before = in_arrays()
    step = warm(mg.capture(play.step), real)
    program = weakref.ref(step.program)
    assert in_arrays() > before + real._data.nbytes
    del step
    assert program() is None
    assert in_arrays() == before


def test_a_function_dies_with_all_that_it_trained():
    def life():
        play, real = Play(), images()
        warm(mg.capture(play.step), real)

    life()
    before = in_arrays()
    life()
    assert in_arrays() == before


def test_recordings_that_fail_leave_nothing_behind():
    play, real = Play(), images()

    def function(x):
        loss, _ = play.step(x)
        return loss * loss.item()

    step = mg.capture(function)
    step(real)

    def fail():
        with pytest.raises(mg.CaptureError):
            step(real)

    fail()
    before = in_arrays()
    for _ in range(5):
        fail()
    assert in_arrays() == before


def test_results_outlive_their_function():
    step = warm(mg.capture(lambda x: x * 2), mg.ones(3))
    y = step(mg.ones(3))
    del step
    assert y.tolist() == [2.0, 2.0, 2.0]


def test_results_that_are_held_do_not_grow_in_number():
    real = images()
    step = warm(mg.capture(lambda x: x * 2), real)
    before = in_arrays()
    held = [step(real) for _ in range(50)]
    assert in_arrays() == before
    assert all(y._data is held[0]._data for y in held)


def test_memory_that_is_released_is_there_again_in_the_next_call():
    play, real = Play(draws=False), images()
    step = warm(mg.capture(play.step), real)
    before = in_arrays()
    step.release_memory()
    assert before - in_arrays() >= step.program.nbytes
    expected = copy.deepcopy(play)
    found, written = step(real), expected.step(real)
    assert [x.item() for x in found] == [x.item() for x in written]
    assert in_arrays() >= before
