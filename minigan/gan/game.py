"""The game: what each player sees, what it pays, and how the gradients reach it.

In D's turn the fakes are cut off from the tape, so that no gradient of G is computed; in G's turn they go through D
with D's weights frozen, and what flows back through D to the pixels is all that G ever learns about real images. Who
moves when is told in rules.py; games in which there is more at stake than real or fake are in games/.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakMethod

from minigan.backend import get_backend
from minigan.backend.device import CPU
from minigan.captured import Captured
from minigan.capturing import changing, fixed
from minigan.errors import ConfigError
from minigan.gan.batch import Batch
from minigan.gan.ema import EMA
from minigan.gan.losses import Loss, Targets
from minigan.gan.noise import Noise
from minigan.gan.packing import in_places, instance_noise, pack
from minigan.gan.penalties import Penalty, clip_weights_, slope
from minigan.gan.player import Move, Player
from minigan.gan.reports import Report, in_a_row
from minigan.gan.rules import RULES, batches_per_step
from minigan.nn import Module
from minigan.nn.batchnorm import BatchNorm
from minigan.optim.extragradient import Extragradient
from minigan.optim.optimistic import Optimistic
from minigan.recording import no_grad
from minigan.tensor import Tensor

NEEDED: dict[str, tuple[type, str]] = {
    "extragradient": (Extragradient, "can look ahead; give both players mg.optim.ExtraAdam or mg.optim.ExtraSGD"),
    "optimistic": (
        Optimistic,
        "remember the last gradient; give both players mg.optim.OptimisticAdam or mg.optim.OptimisticSGD",
    ),
}
"""The optimizers without which a rule cannot be played, and how to say so."""

# z for the statistics of an average of G: twice as many as running statistics with a momentum of .1 remember.
EXAMPLE_BATCHES, EXAMPLES, EXAMPLES_SEED = 20, 128, 2**40


class Game:
    """G against D.

    Args:
        generator: G, a network from z (N, z_dim) to samples.
        discriminator: D, a network from samples to outputs (N, 1), as the loss expects them.
        loss: what both want.
        noise: where z comes from.
        rule: who moves when: a key of `minigan.gan.rules.RULES`.
        d_steps, g_steps: moves of each player in a step, when they alternate.
        fresh_z: G's move draws new z, in place of playing the fakes of D's last move.
        targets: what D is told of real samples and fakes: smoothed or noisy labels.
        penalties: what D pays besides, on the steps when it is due.
        consensus: weight of consensus optimisation, when both move at once; 0 for none.
        clip_weights: D's weights stay within plus or minus this; 0 for no bound.
        pack: how many samples D sees at once.
        instance_noise: standard deviation of the noise on what D sees; 0 for none.
        fade_steps: after how many steps that noise has faded away; 0 for never.
        ema: an average of G to sample from.

    Attributes:
        steps: how many steps have been played.

    Raises:
        ConfigError: rules that do not go together.
    """

    def __init__(
        self,
        generator: Player,
        discriminator: Player,
        loss: Loss,
        noise: Noise,
        *,
        rule: str = "alternating",
        d_steps: int = 1,
        g_steps: int = 1,
        fresh_z: bool = False,
        targets: Targets | None = None,
        penalties: Sequence[Penalty] = (),
        consensus: float = 0.0,
        clip_weights: float = 0.0,
        pack: int = 1,
        instance_noise: float = 0.0,
        fade_steps: float = 0.0,
        ema: EMA | None = None,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.loss = loss
        self.noise = noise
        self.rule = rule
        self.d_steps = d_steps
        self.g_steps = g_steps
        self.fresh_z = fresh_z
        self.targets = targets or Targets()
        self.penalties = list(penalties)
        self.consensus = consensus
        self.clip_weights = clip_weights
        self.pack = pack
        self.instance_noise = instance_noise
        self.fade_steps = fade_steps
        self.ema = ema
        self.steps = 0
        self._captured: Captured | None = None
        self._check()

    def _check(self) -> None:
        if self.rule not in RULES:
            raise ConfigError(f"game.rule: expected one of {', '.join(RULES)}, but got {self.rule!r}.")
        if min(self.d_steps, self.g_steps) < 1:
            raise ConfigError(f"game.d_steps, g_steps: expected at least 1, but got {self.d_steps} and {self.g_steps}.")
        if self.rule != "alternating" and (self.d_steps, self.g_steps, self.fresh_z) != (1, 1, False):
            raise ConfigError(
                f"game.d_steps, g_steps and fresh_z belong to alternating moves, but game.rule is {self.rule!r}; "
                "leave them at 1, 1 and false."
            )
        if self.consensus and self.rule not in ("simultaneous", "optimistic", "extragradient"):
            raise ConfigError(
                "game.consensus is defined where both players move at once, but game.rule is 'alternating'; "
                'set game.rule="simultaneous".'
            )
        if self.rule in NEEDED:
            kind, what = NEEDED[self.rule]
            if not all(isinstance(player.optimizer, kind) for player in (self.generator, self.discriminator)):
                raise ConfigError(f"game.rule: {self.rule} needs optimizers that {what}.")

    @property
    def batches_per_step(self) -> int:
        """How many batches a step takes: :func:`batches_per_step`."""
        return batches_per_step(self.rule, self.d_steps)

    @property
    def sampler(self) -> Module:
        """The network to sample from: the average of G, if there is one, ready to be used."""
        ema = self._settled_ema()
        return self.generator.network if ema is None else ema.network

    def _settled_ema(self) -> EMA | None:
        """The average of G, with the statistics of its own weights."""
        if self.ema is not None:
            self.ema.settle(self._examples)
        return self.ema

    def _examples(self) -> list[tuple[Tensor, ...]]:
        """Batches of what G takes, for the statistics of its average: the same each time, and on each device."""
        w = next(self.generator.network.parameters())
        batches = (self.noise.fixed(EXAMPLES, EXAMPLES_SEED, CPU, site) for site in range(EXAMPLE_BATCHES))
        return [(z.to(w.device, w.dtype),) for z in batches]

    # ---- a step ------------------------------------------------------------------------------------------

    def capture(self) -> None:
        """From now on steps are captured, see `minigan.capture`: the same bits on the CPU, in less time.

        The next step overwrites a report. What cannot be captured is played as written; `refused` says why.
        """
        as_written = _weakly(self._as_written)
        kinds = 2 * (self.batches_per_step + 1) * 2 ** len(self.penalties)  # a short batch; penalties that are due
        self._captured = Captured(lambda batches: in_a_row(as_written(batches)), strict=False, most=kinds)

    def release_memory(self) -> None:
        """Give back what captured steps need, until the next step."""
        if self._captured is not None:
            self._captured.release_memory()

    def __getstate__(self) -> dict[str, Any]:
        """For `copy` and `pickle`: a copy captures its steps anew."""
        return {**vars(self), "_captured": self._captured is not None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _captured=None)
        if state["_captured"]:
            self.capture()

    @property
    def captured(self) -> bool:
        """Whether steps are captured."""
        return self._captured is not None and self._captured.refused is None

    @property
    def refused(self) -> str | None:
        """Why steps cannot be captured, though :meth:`capture` was called; None if nothing is wrong."""
        return None if self._captured is None else self._captured.refused

    @property
    def program(self) -> Any:
        """What the last captured step did, to be printed; None if there was none."""
        return None if self._captured is None else self._captured.program

    def step(self, *batches: Batch | Tensor) -> Report:
        """One step by the rules.

        Args:
            batches: :attr:`batches_per_step` of them: real samples (N, ...), with labels where the game needs them;
                as many fakes are made.

        Raises:
            ConfigError: another number of batches.
        """
        if len(batches) != self.batches_per_step:
            raise ConfigError(f"step: expected {self.batches_per_step} batches, but got {len(batches)}.")
        self.generator.begin(self.steps)
        self.discriminator.begin(self.steps)
        real = [batch if isinstance(batch, Batch) else Batch(batch) for batch in batches]
        report: Report = self._as_written(real) if self._captured is None else self._captured(real)
        self.steps += 1
        return report

    def _as_written(self, batches: list[Batch]) -> Report:
        """All that kernels do in a step."""
        fixed(_weakly(self._settings))
        report = RULES[self.rule](self, batches)
        if self.ema is not None:
            self.ema.update()
        return report

    def _settings(self) -> tuple[Any, ...]:
        """What a captured step is captured anew for: all settings, and which penalties are due."""
        own = {name: value for name, value in vars(self).items() if name not in ("steps", "labelled", "_captured")}
        penalties = [tuple(vars(penalty).values()) if penalty.due(self.steps) else () for penalty in self.penalties]
        players = [vars(player).copy() for player in (self.generator, self.discriminator)]
        return own, penalties, players, self._noise_now() > 0

    def _noise_now(self) -> float:
        """The standard deviation of the instance noise in this step."""
        return self.instance_noise * (max(0.0, 1 - self.steps / self.fade_steps) if self.fade_steps else 1.0)

    def generate(self, batch: Batch) -> Batch:
        """As many fakes as there are real samples in the batch, but for those that fill no pack."""
        z = self.noise.draw(len(batch.images), batch.images.dtype, batch.images.device)
        return Batch(in_places(self.generator.network, z, self.pack))

    def differentiate_D(self, batch: Batch, fakes: Batch) -> Report:
        """Leave in D's parameters the gradient of what D pays; G is not touched."""
        cost, report = self.cost_D(batch, fakes.detach())
        self.discriminator.optimizer.zero_grad()
        # a penalty asks for the slope at the samples, but nobody for the gradient of the samples themselves
        cost.backward(inputs=self.discriminator.trained)
        return report

    def differentiate_G(self, batch: Batch, fakes: Batch) -> Report:
        """Leave in G's parameters the gradient of what G pays; it passes through D, and D is not touched."""
        with self.discriminator.network.frozen():
            cost, report = self.cost_G(batch, fakes)
            self.generator.optimizer.zero_grad()
            cost.backward()
        return report

    def move_D(self, how: Move = "step") -> None:
        """Move D along its gradient, and keep its weights within their bound."""
        self.discriminator.move(how)
        if self.clip_weights:
            clip_weights_(self.discriminator.network.parameters(), self.clip_weights)

    def move_G(self, how: Move = "step") -> None:
        """Move G along its gradient."""
        self.generator.move(how)

    def draw(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples to look at, from z (N, z_dim) and, in games that have any, labels (N,); no gradients."""
        with no_grad():
            samples: Tensor = self.sampler.eval()(z)
        return samples

    def assess(self, batch: Batch) -> Report:
        """What the players make of samples that they were not trained on: the mean of D's opinion."""
        self.discriminator.network.eval()
        with no_grad():
            return {"D_x_test": self._mean(self.ask(self.seen(batch)))}

    # ---- what each pays ----------------------------------------------------------------------------------

    def cost_D(self, batch: Batch, fakes: Batch) -> tuple[Tensor, Report]:
        """D's loss with its penalties, and what to report of it."""
        real, fake = self.seen(batch), self.seen(fakes)
        due = [penalty for penalty in self.penalties if penalty.due(self.steps)]
        real, fake = _slopes_wanted(real, due, "real"), _slopes_wanted(fake, due, "fake")
        # in one pass for both, the slope at one of them would be sought through the other, too
        on_real, on_fake = self._ask_both(real, fake, apart=any(penalty.at != "new" for penalty in due))
        loss = self.loss.discriminator(self.opinion(on_real), self.opinion(on_fake), self.targets)
        report = {"loss_D": loss.detach(), "D_x": self._mean(on_real), "D_G_z": self._mean(on_fake)}
        if due:
            penalty = self._penalty(due, (real, on_real), (fake, on_fake))
            loss, report["penalty"] = loss + penalty, penalty.detach()
        return self.add_to_D(loss, report, (batch, on_real), (fakes, on_fake))

    def cost_G(self, batch: Batch, fakes: Batch) -> tuple[Tensor, Report]:
        """G's loss, and what to report of it."""
        on_fake = self.ask(self.seen(fakes))
        on_real = self.opinion(self.ask(self.seen(batch))) if self.loss.uses_real else None
        loss = self.loss.generator(self.opinion(on_fake), on_real)
        return self.add_to_G(loss, {"loss_G": loss.detach()}, batch, (fakes, on_fake))

    def add_to_D(
        self, cost: Tensor, report: Report, real: tuple[Batch, Tensor], fake: tuple[Batch, Tensor]
    ) -> tuple[Tensor, Report]:
        """For games in which D has more to do: samples come with D's outputs on them."""
        return cost, report

    def add_to_G(self, cost: Tensor, report: Report, batch: Batch, fake: tuple[Batch, Tensor]) -> tuple[Tensor, Report]:
        """For games in which G has more to do."""
        return cost, report

    def seen(self, batch: Batch) -> Batch:
        """What D gets to see of these samples: noisy, and several at once, where the rules say so."""
        images = batch.images
        if self._noise_now():
            (std,) = changing(lambda: (self._noise_now(),), get_backend(images._data), images.dtype)
            images = instance_noise(images, std)
        return batch._replace(images=pack(images, self.pack) if self.pack > 1 else images)

    def ask(self, batch: Batch) -> Tensor:
        """D's outputs on what it sees."""
        output: Tensor = self.discriminator.network(batch.images)
        return output

    def opinion(self, outputs: Tensor) -> Tensor:
        """The part of D's outputs that says how real: (N, 1)."""
        return outputs

    def _ask_both(self, real: Batch, fake: Batch, apart: bool) -> tuple[Tensor, Tensor]:
        """D on real samples and on fakes: in one pass where it may be, which costs less than two."""
        if apart or _depends_on_batch(self.discriminator.network):  # statistics of real and fake must not mix
            return self.ask(real), self.ask(fake)
        both = self.ask(real.cat(fake))
        return both[: len(real.images)], both[len(real.images) :]

    def _penalty(self, due: Sequence[Penalty], real: tuple[Batch, Tensor], fake: tuple[Batch, Tensor]) -> Tensor:
        costs = [penalty.cost(self._slope_for(penalty, real, fake)) for penalty in due]
        return sum(costs[1:], costs[0])

    def _slope_for(self, penalty: Penalty, real: tuple[Batch, Tensor], fake: tuple[Batch, Tensor]) -> Tensor:
        """The gradient of D's opinion at the points where the penalty looks at it."""
        if penalty.at == "new":
            points = penalty.points(real[0].images, fake[0].images)
            return slope(self.opinion(self.ask(real[0]._replace(images=points))), points)
        batch, outputs = real if penalty.at == "real" else fake
        return slope(self.opinion(outputs), batch.images)

    def _mean(self, outputs: Tensor) -> Tensor:
        """Of D's probabilities, or of its scores where these are none."""
        with no_grad():
            opinion = self.opinion(outputs.detach())
            return (opinion if self.loss.probability is None else self.loss.probability(opinion)).mean()

    # ---- state -------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything that a step changes, as nested dictionaries of host arrays and plain values."""
        ema = self._settled_ema()
        return {
            "steps": self.steps,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "ema": None if ema is None else ema.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave."""
        self.generator.load_state_dict(state_dict["generator"])
        self.discriminator.load_state_dict(state_dict["discriminator"])
        if self.ema is not None and state_dict["ema"] is not None:
            self.ema.load_state_dict(state_dict["ema"])
        self.steps = state_dict["steps"]


def _weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """Calls the method without keeping its object: a game that nobody holds is gone at once, with its programs."""
    weak = WeakMethod(method)
    return lambda *args: weak()(*args)  # type: ignore[misc]


def _slopes_wanted(batch: Batch, due: Sequence[Penalty], at: str) -> Batch:
    """The same samples; as leaves that ask for a gradient if a penalty looks at the slope there."""
    if not any(penalty.at == at for penalty in due):
        return batch
    if batch.images.requires_grad:  # fakes that are not cut off from G
        return batch
    return batch._replace(images=batch.images.detach().requires_grad_())


def _depends_on_batch(network: Module) -> bool:
    """Whether a forward pass updates a state or mixes the samples of a batch."""
    return any(True for _ in network.buffers()) or any(isinstance(m, BatchNorm) for m in network.modules())
