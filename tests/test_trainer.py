"""The trainer: which step plays on what, when reports are read, what stops it."""

import gc
import threading

import numpy as np
import pytest
from tiny_runs import assert_same, at_step

import minigan as mg
from minigan.data import Loader
from minigan.errors import ConfigError, DivergedError
from minigan.gan import Config, Extension, Player, Trainer, build_game
from minigan.gan import trainer as module
from minigan.gan.finite import StopOnNaN

BATCHES = 3  # in an epoch


class FakeGame:
    """A game that notes what it is given, and reports the numbers it is told to."""

    def __init__(self, reports=None, batches_per_step=1):
        network = mg.nn.Linear(2, 1)
        self.generator = Player("G", network, mg.optim.SGD(network.parameters(), lr=0.1))
        self.reports = reports or {}
        self.batches_per_step = batches_per_step
        self.batches, self.draws = [], []
        self.played = 0
        self.captured, self.refused = False, None
        self.state = {"weight": np.zeros(2, np.float32), "step": 0}

    def capture(self):
        pass

    def release_memory(self):
        pass

    def step(self, *batches):
        assert len(batches) == self.batches_per_step
        self.batches += batches
        self.draws.append(mg.rand(2).numpy())
        self.played += 1
        k = self.played
        report = dict(zip(("loss_D", "loss_G", "D_x", "D_G_z"), (k, 10 * k, 0.5, 0.25), strict=True))
        return {name: mg.tensor(float(x)) for name, x in {**report, **self.reports.get(k, {})}.items()}

    def state_dict(self):
        return {"generator": {"network": self.state}, "discriminator": {"network": {}}, "steps": self.played}


class Notes(Extension):
    """Notes every call with the numbers that a person would look at."""

    def __init__(self):
        self.calls = []

    def start(self, trainer):
        self.calls.append(("start", trainer.step))

    def after_step(self, trainer):
        self.calls.append(("step", trainer.step))

    def after_epoch(self, trainer):
        self.calls.append(("epoch", trainer.epoch))

    def save(self, trainer):
        self.calls.append(("save", trainer.step))

    def end(self, trainer):
        self.calls.append(("end", trainer.step))

    def failed(self, trainer, error):
        self.calls.append(("failed", type(error).__name__))


def loader(labels=None, seed=0):
    return Loader(np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2), labels, batch_size=2, seed=seed)


SMALL = Config.from_dict({"generator": {"hidden": [8]}, "discriminator": {"hidden": [8]}})


def trainer(steps, *extensions, reports=None, log_every=50):
    return Trainer(FakeGame(reports), loader(), steps, extensions, log_every=log_every)


# ---- steps and extensions --------------------------------------------------------------------------------


def test_extensions_are_told_of_every_step_and_every_finished_epoch_in_order():
    notes = Notes()
    trainer(7, notes).run()
    assert notes.calls == [
        ("start", 0), ("step", 1), ("save", 1), ("step", 2), ("save", 2), ("step", 3), ("epoch", 1), ("save", 3),
        ("step", 4), ("save", 4), ("step", 5), ("save", 5), ("step", 6), ("epoch", 2), ("save", 6),
        ("step", 7), ("save", 7), ("save", 7), ("end", 7),
    ]  # fmt: skip


def test_an_extension_may_define_nothing_at_all():
    t = trainer(3, Extension())
    t.run()
    assert t.step == 3


def test_epochs_are_counted_by_what_is_finished_and_by_what_is_begun():
    seen = []
    extension = Extension()
    extension.after_step = lambda t: seen.append((t.step, t.epoch, t.epochs_begun))
    trainer(4, extension).run()
    assert seen == [(1, 0, 1), (2, 0, 1), (3, 1, 1), (4, 1, 2)]


def test_step_k_plays_on_batch_k_and_on_the_random_numbers_of_step_k():
    t = trainer(7)
    t.run()
    for k in range(7):
        np.testing.assert_array_equal(t.game.batches[k].images.numpy(), loader().batch(k))
        assert t.game.batches[k].labels is None
        mg.set_step(k)
        np.testing.assert_array_equal(t.game.draws[k], mg.rand(2).numpy())


def another_game():
    config = Config.from_dict({**SMALL.to_dict(), "training": {"seed": 9}})
    return build_game(config, (1, 2, 2), mg.device("cpu"))


def another_training():
    Trainer(another_game(), loader(seed=9), 4).run()


DISTURBANCES = {
    "draws": lambda: mg.randn(1000),
    "seeds": lambda: mg.manual_seed(9),
    "sets the step": lambda: mg.set_step(70),
    "builds a game": another_game,
    "trains another game": another_training,
}


@pytest.mark.parametrize("disturb", DISTURBANCES.values(), ids=DISTURBANCES)
def test_what_others_do_to_the_random_streams_does_not_change_the_run(disturb):
    quiet, noisy = trainer(6), trainer(6, at_step(2, lambda _: disturb()), at_step(3, lambda _: disturb()))
    quiet.run()
    disturb()
    noisy.run()
    np.testing.assert_array_equal(quiet.game.draws, noisy.game.draws)


def test_the_random_numbers_of_a_run_are_those_of_its_own_seed():
    t = Trainer(FakeGame(), loader(seed=5), 3)
    mg.manual_seed(77)
    t.run()
    for k in range(3):
        mg.manual_seed(5)
        mg.set_step(k)
        np.testing.assert_array_equal(t.game.draws[k], mg.rand(2).numpy())


def test_the_trainer_adds_nothing_to_the_game():
    """The same parameters, to the last bit, as a loop by hand."""
    config = Config.from_dict({"generator": {"hidden": [8]}, "discriminator": {"hidden": [8], "dropout": 0.3}})
    by_trainer, by_hand = (build_game(config, (1, 2, 2), mg.device("cpu")) for _ in range(2))
    Trainer(by_trainer, loader(), 8, log_every=3).run()
    for k in range(8):
        mg.set_step(k)
        by_hand.step(mg.tensor(loader().batch(k)))
    for player in ("generator", "discriminator"):
        ours, theirs = (getattr(game, player).network.state_dict() for game in (by_trainer, by_hand))
        for name in theirs:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=f"{player} {name}")


def test_a_step_gets_as_many_batches_as_the_game_takes_each_once_with_its_labels():
    labels = np.array([3, 1, 4, 1, 5, 9])
    t = Trainer(FakeGame(batches_per_step=2), loader(labels), 4)
    t.run()
    assert len(t.game.batches) == 8
    for number, batch in enumerate(t.game.batches):
        np.testing.assert_array_equal(batch.images.numpy(), loader().batch(number))
        np.testing.assert_array_equal(batch.labels.numpy(), loader(labels).labels_of(number))


@pytest.mark.parametrize("batches_per_step", [1, 2, 3, 7])
def test_an_epoch_is_finished_with_the_step_that_takes_its_last_batch(batches_per_step):
    notes = Notes()
    Trainer(FakeGame(batches_per_step=batches_per_step), loader(), 9, [notes]).run()
    finished = [k * batches_per_step // BATCHES for k in range(10)]
    expected = [(k, finished[k]) for k in range(1, 10) if finished[k] > finished[k - 1]]
    steps = [call for call in notes.calls if call[0] in ("step", "epoch")]
    found = [(steps[i - 1][1], call[1]) for i, call in enumerate(steps) if call[0] == "epoch"]
    assert found == expected


def test_an_extension_can_stop_the_run():
    t = trainer(100, at_step(4, lambda t: setattr(t, "stopped", True)))
    t.run()
    assert t.step == 4


def test_a_run_that_was_stopped_goes_on_when_it_is_run_again():
    whole, parts = trainer(7), trainer(7, at_step(4, lambda t: setattr(t, "stopped", True)))
    parts.run()
    assert (parts.step, parts.stopped) == (4, True)
    parts.run()
    assert (parts.step, parts.stopped, parts.stopped_by) == (7, False, None)
    whole.run()
    np.testing.assert_array_equal(parts.game.draws, whole.game.draws)


@pytest.mark.parametrize("batches_per_step", [1, 2, 5, 7])
@pytest.mark.parametrize("every", [1, 2, 4])
def test_what_is_due_every_so_many_epochs_is_due_once_for_each_though_steps_span_several(batches_per_step, every):
    due = []
    extension = Extension()
    extension.after_step = lambda t: due.append(t.epoch) if t.epoch_due(every) else None
    Trainer(FakeGame(batches_per_step=batches_per_step), loader(), 24, [extension]).run()
    epochs = [k * batches_per_step // BATCHES for k in range(1, 25)]
    expected = {next(e for e in epochs if e >= n) for n in range(every, epochs[-1] + 1, every)}
    assert due == sorted(expected)


@pytest.mark.parametrize(("name", "number"), [("steps", 0), ("steps", -1), ("log_every", 0)])
def test_fewer_than_one_step_is_refused(name, number):
    arguments = {"steps": 5, "log_every": 5, name: number}
    with pytest.raises(ConfigError) as error:
        Trainer(FakeGame(), loader(), **arguments)
    assert str(error.value) == f"Expected {name} of at least 1, but got {number}; choose a positive number."


def test_training_leaves_nothing_for_the_garbage_collector():
    t = Trainer(build_game(SMALL, (1, 2, 2), mg.device("cpu")), loader(), 5, log_every=3)
    t.run()
    t.steps = 205
    gc.collect()
    gc.disable()
    try:
        t.run()
        assert gc.collect() == 0
    finally:
        gc.enable()


# ---- reports ---------------------------------------------------------------------------------------------


def test_a_line_of_the_log_is_the_mean_over_its_steps():
    means = []
    extension = Extension()
    extension.after_step = lambda t: means.append((t.step, t.mean())) if t.line_due else None
    trainer(9, extension, log_every=4).run()
    assert [step for step, _ in means] == [4, 8]
    assert [mean for _, mean in means] == [
        {"loss_D": 2.5, "loss_G": 25.0, "D_x": 0.5, "D_G_z": 0.25},
        {"loss_D": 6.5, "loss_G": 65.0, "D_x": 0.5, "D_G_z": 0.25},
    ]


def test_a_reading_between_two_lines_takes_nothing_from_the_mean():
    """A checkpoint makes the trainer read in the middle of the steps that a line stands for."""
    means = []
    extension = Extension()
    extension.after_step = lambda t: means.append(t.mean()["loss_D"]) if t.line_due else None
    trainer(8, extension, at_step(2, lambda t: t.state_dict()), at_step(7, lambda t: t.read()), log_every=4).run()
    assert means == [2.5, 6.5]


def test_a_number_that_only_some_steps_report_is_averaged_over_these():
    t = trainer(4, reports={2: {"penalty": 3.0}, 4: {"penalty": 5.0}})
    t.run()
    assert t.mean() == {"loss_D": 2.5, "loss_G": 25.0, "D_x": 0.5, "D_G_z": 0.25, "penalty": 4.0}


def test_extensions_are_told_of_every_report_once_and_in_order_when_it_is_read():
    read = []
    extension = Extension()
    extension.after_read = lambda t, step, values: read.append((step, values["loss_D"], t.step))
    trainer(8, extension, log_every=5).run()
    assert read == [(1, 1, 3), (2, 2, 3), (3, 3, 3), (4, 4, 5), (5, 5, 5), (6, 6, 6), (7, 7, 8), (8, 8, 8)]


def test_a_state_that_was_put_back_goes_on_to_the_same_bits():
    """In the middle of the steps that a line of the log stands for."""
    state, means = {}, []
    note = Extension()
    note.after_step = lambda t: means.append(t.mean()) if t.line_due else None
    whole, rest = (Trainer(build_game(SMALL, (1, 2, 2), mg.device("cpu")), loader(), 8, log_every=4) for _ in range(2))
    whole.extensions = [at_step(3, lambda t: state.update(t.state_dict())), note]
    whole.run()
    rest.extensions = [note]
    rest.load_state_dict(state)
    assert rest.step == 3
    rest.run()
    assert means[2:] == means[:2]
    assert_same(rest.state_dict(), whole.state_dict())


def test_reports_never_pile_up_however_rarely_a_line_is_due(monkeypatch):
    monkeypatch.setattr(module, "UNREAD", 10)
    most = []
    extension = Extension()
    extension.after_step = lambda t: most.append(len(t._unread))
    t = Trainer(FakeGame(), Loader(np.zeros((200, 2, 2), np.uint8), batch_size=2), 95, [extension], log_every=10**9)
    t.run()
    assert max(most) == 9
    assert t.mean()["loss_D"] == 48


def test_the_steps_after_the_last_line_are_at_hand_at_the_end():
    t = trainer(6, log_every=4)
    t.run()
    assert t.mean()["loss_D"] == 5.5


def test_reports_are_read_every_log_every_steps_and_before_a_checkpoint_and_at_no_other_time(monkeypatch):
    t = trainer(8, log_every=5)
    reads, read = [], module.Unread.read
    monkeypatch.setattr(module.Unread, "read", lambda unread: reads.append(t.step) or read(unread))
    for name in ("item", "__float__", "__bool__"):
        monkeypatch.setattr(mg.Tensor, name, lambda self: pytest.fail("a number was read one by one"))
    t.run()
    assert reads == [3, 5, 6, 8]  # end of epoch, line, end of epoch, end


# ---- divergence ------------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("report", "what"),
    [
        ({"loss_D": NAN}, "the loss of the discriminator (loss_D) is nan"),
        ({"loss_G": INF}, "the loss of the generator (loss_G) is inf"),
        ({"loss_G": -INF}, "the loss of the generator (loss_G) is -inf"),
        ({"loss_D": NAN, "loss_G": NAN}, "the loss of the discriminator (loss_D) is nan"),
        ({"penalty": NAN}, "penalty is nan"),
        ({"D_x": INF}, "D_x is inf"),
    ],
)
@pytest.mark.parametrize("step", [1, 4, 5])
def test_a_report_that_is_no_number_stops_training_and_names_step_and_number(report, what, step):
    notes = Notes()
    with pytest.raises(DivergedError) as error:
        trainer(100, StopOnNaN(), notes, reports={step: report}).run()
    assert str(error.value) == (
        f"Training diverged at step {step}: {what}. No checkpoint had been saved yet; "
        "try lower learning rates (generator.lr, discriminator.lr) or another seed."
    )
    assert notes.calls[-1] == ("failed", "DivergedError")
    finished = (step - 1) // BATCHES  # the epoch in which it happened is never announced
    assert [call for call in notes.calls if call[0] in ("epoch", "end")] == [("epoch", i + 1) for i in range(finished)]


def test_the_message_names_the_last_good_checkpoint():
    def save(trainer):
        trainer.checkpoint = "runs/x/checkpoints/step-00000003.safetensors"

    with pytest.raises(DivergedError, match=r"The last good checkpoint is runs/x/checkpoints/step-00000003\.safe"):
        trainer(9, StopOnNaN(), at_step(3, save), reports={5: {"loss_D": NAN}}).run()


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_state_that_is_not_finite_is_seen_before_an_epoch_ends_though_the_losses_are_fine(value):
    notes = Notes()

    def poison(trainer):
        trainer.game.state["weight"][1] = value

    with pytest.raises(DivergedError) as error:
        trainer(9, StopOnNaN(), at_step(5, poison), notes).run()
    assert "diverged by step 6: the generator holds a NaN or an infinity (in network.weight)." in str(error.value)
    assert ("epoch", 2) not in notes.calls


def test_a_state_that_is_not_finite_is_seen_at_the_end_of_a_run_too():
    notes = Notes()

    def poison(trainer):
        trainer.game.state["weight"][0] = NAN

    with pytest.raises(DivergedError, match="by step 4"):
        trainer(4, StopOnNaN(), at_step(4, poison), notes).run()
    assert ("end", 4) not in notes.calls


def test_a_moment_of_the_optimizer_that_is_infinite_counts_as_diverged():
    """Adam with an infinite second moment stands still, and its loss stays finite: only the state shows it."""
    game = build_game(SMALL, (1, 2, 2), mg.device("cpu"))

    def overflow(trainer):
        for parameter in game.discriminator.network.parameters():
            parameter.grad = np.full(parameter.shape, 1e30, np.float32)
        game.discriminator.optimizer.step()

    with pytest.raises(DivergedError, match=r"the discriminator holds .*optimizer\.state\.0\.exp_avg_sq"):
        Trainer(game, loader(), 3, [StopOnNaN(), at_step(2, overflow)]).run()


def test_without_the_extension_training_goes_on():
    t = trainer(4, reports={2: {"loss_D": NAN}})
    t.run()
    assert t.step == 4


def test_numpy_does_not_warn_besides(recwarn):
    game = FakeGame()
    play = game.step

    def step(batch):
        np.float32(3e38) * np.float32(10)  # pytest turns a warning into an error
        return play(batch)

    game.step = step
    Trainer(game, loader(), 3).run()
    assert not recwarn.list


def test_an_error_of_an_extension_reaches_the_caller_and_the_others_are_told():
    notes = Notes()

    def fail(trainer):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        trainer(9, notes, at_step(2, fail)).run()
    assert notes.calls[-3:] == [("save", 1), ("step", 2), ("failed", "OSError")]


def test_an_extension_that_fails_while_it_is_told_of_an_error_hides_it_from_nobody():
    def cannot_draw(trainer, error):
        raise OSError("no room for curves.png")

    first, notes = Extension(), Notes()
    first.failed = cannot_draw
    with pytest.raises(DivergedError, match="loss_D") as error:
        trainer(9, StopOnNaN(), first, notes, reports={2: {"loss_D": NAN}}).run()
    assert error.value.__notes__ == ["Besides, Extension failed: no room for curves.png"]
    assert notes.calls[-1] == ("failed", "DivergedError")


def test_training_in_another_thread_works():
    t = trainer(5)
    thread = threading.Thread(target=t.run)
    thread.start()
    thread.join()
    assert t.step == 5
