"""The games of the presets in plain PyTorch, as a good engineer writes them: D frozen in G's turn, fused optimizers.

All randomness but dropout comes from ``draws``: PyTorch's own, or numbers that somebody else has drawn before.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch.nn import functional as F

from torch_twins.players import Player


class Batch(NamedTuple):
    images: torch.Tensor
    labels: torch.Tensor | None = None

    def detach(self):
        return self._replace(images=self.images.detach())


class Draws:
    """PyTorch's own random numbers."""

    def normal(self, *shape):
        return torch.randn(*shape)

    def uniform(self, *shape):
        return torch.rand(*shape)

    def integers(self, high, n):
        return torch.randint(high, (n,))


class Game:
    """G against D by the settings.

    Args:
        config: all settings.
        G, D: the networks.
        steps_per_epoch: for what changes from epoch to epoch.
        draws: where random numbers come from.
    """

    def __init__(self, config, G, D, steps_per_epoch=1.0, draws=None):
        self.config = config
        self.rules = config.game
        self.G, self.D = G, D
        self.draws = draws or Draws()
        self.steps_per_epoch = steps_per_epoch
        about = (config.game.rule, steps_per_epoch, config.training.steps)
        self.player_G = Player(G, config.generator, *about)
        self.player_D = Player(D, config.discriminator, *about)
        self.ema = copy.deepcopy(G) if config.generator.ema_decay else None
        self.steps = 0

    def step(self, *batches):
        """A step on so many batches as its rule takes; returns the losses and what else there is to report."""
        players = self.player_G, self.player_D
        for player in players:
            player.begin(self.steps)
        report = RULES[self.rules.rule](self, batches)
        for player in players:
            player.end()
        if self.ema is not None:
            self.update_ema()
        self.steps += 1
        return report

    # ---- the two turns -----------------------------------------------------------------------------------

    def differentiate_D(self, batch, fakes):
        cost, report = self.cost_D(batch, fakes.detach())
        self.player_D.optimizer.zero_grad()
        cost.backward()
        return report

    def differentiate_G(self, batch, fakes):
        self.D.requires_grad_(False)
        cost, report = self.cost_G(batch, fakes)
        self.player_G.optimizer.zero_grad()
        cost.backward()
        self.D.requires_grad_(True)
        return report

    def move_D(self, how="step"):
        self.player_D.move(how)
        if self.rules.clip_weights:
            with torch.no_grad():
                for w in self.D.parameters():
                    w.clamp_(-self.rules.clip_weights, self.rules.clip_weights)

    def move_G(self, how="step"):
        self.player_G.move(how)

    def update_ema(self):
        decay = min(self.config.generator.ema_decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for average, w in zip(self.ema.parameters(), self.G.parameters(), strict=True):
                average.lerp_(w, 1 - decay)
            for average, buffer in zip(self.ema.buffers(), self.G.buffers(), strict=True):
                average.copy_(buffer)

    # ---- what each pays ----------------------------------------------------------------------------------

    def cost_D(self, batch, fakes):
        real, fake = self.seen(batch), self.seen(fakes)
        due = self.steps % self.rules.penalty_every == 0
        if due and self.rules.r1_gamma:
            real = real._replace(images=real.images.detach().requires_grad_())
        if due and self.rules.r2_gamma and not fake.images.requires_grad:
            fake.images.requires_grad_()
        on_real, on_fake = self.ask(real), self.ask(fake)
        loss = self.loss_D(self.opinion(on_real), self.opinion(on_fake))
        report = {"loss_D": loss.detach(), "D_x": self.mean(on_real), "D_G_z": self.mean(on_fake)}
        if due and (penalties := list(self.penalties(real, fake, on_real, on_fake))):
            penalty = self.rules.penalty_every * sum(penalties)
            loss, report["penalty"] = loss + penalty, penalty.detach()
        return self.extra_D(loss, report, batch, fakes, on_real, on_fake)

    def cost_G(self, batch, fakes):
        on_fake = self.ask(self.seen(fakes))
        on_real = self.opinion(self.ask(self.seen(batch))) if self.rules.loss == "relativistic" else None
        loss = self.loss_G(self.opinion(on_fake), on_real)
        return self.extra_G(loss, {"loss_G": loss.detach()}, batch, fakes, on_fake)

    def loss_D(self, real, fake):
        match self.rules.loss:
            case "wasserstein":  # Arjovsky et al. 2017, algorithm 1
                return fake.mean() - real.mean()
            case "hinge":  # Miyato et al. 2018, equation 16
                return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
            case "relativistic":  # Jolicoeur-Martineau 2018: -E log sigmoid(D(x) - D(G(z)))
                return F.softplus(fake - real).mean()
        certain, doubtful = 1 - self.rules.label_smoothing, self.rules.fake_label_smoothing
        return self.pull(real, certain, flipped=doubtful) + self.pull(fake, doubtful, flipped=certain)

    def loss_G(self, fake, real):
        match self.rules.loss:
            case "wasserstein" | "hinge":
                return -fake.mean()
            case "relativistic":
                return F.softplus(real - fake).mean()
            case "minimax":  # Goodfellow et al. 2014, equation 1: G minimises E log(1 - D(G(z)))
                return -self.distance(fake, torch.zeros_like(fake))
        return self.distance(fake, torch.ones_like(fake))

    def pull(self, outputs, target, flipped):
        targets = torch.full_like(outputs, target)
        if self.rules.label_noise:
            targets[self.draws.uniform(*outputs.shape) < self.rules.label_noise] = flipped
        return self.distance(outputs, targets)

    def distance(self, outputs, targets):
        if self.rules.loss == "least-squares":  # Mao et al. 2017, equation 9, with its halves
            return 0.5 * F.mse_loss(outputs, targets)
        if self.config.discriminator.output == "probability":
            return F.binary_cross_entropy(outputs, targets)
        return F.binary_cross_entropy_with_logits(outputs, targets)

    def penalties(self, real, fake, on_real, on_fake):
        rules = self.rules
        if rules.r1_gamma:  # Mescheder et al. 2018, equation 9
            yield rules.r1_gamma / 2 * slope(self.opinion(on_real), real.images).square().sum(1).mean()
        if rules.r2_gamma:  # equation 10
            yield rules.r2_gamma / 2 * slope(self.opinion(on_fake), fake.images).square().sum(1).mean()
        if rules.gradient_penalty:  # Gulrajani et al. 2017, algorithm 1
            eps = self.draws.uniform(len(real.images), *[1] * (real.images.ndim - 1))
            between = eps * real.images + (1 - eps) * fake.images
            yield rules.gradient_penalty * self.excess_slope(real, between)
        if rules.dragan:  # Kodali et al. 2017, in the form of the published program
            noise = 0.5 * real.images.std(correction=0) * self.draws.uniform(*real.images.shape)
            yield rules.dragan * self.excess_slope(real, real.images + noise)

    def excess_slope(self, batch, points):
        points = points.detach().requires_grad_()
        gx = slope(self.opinion(self.ask(batch._replace(images=points))), points)
        return (gx.norm(dim=1) - 1).square().mean()

    # ---- what D sees and says ----------------------------------------------------------------------------

    def seen(self, batch):
        x, std = batch.images, self.rules.instance_noise
        if self.rules.instance_noise_epochs:
            std *= max(0.0, 1 - self.steps / (self.rules.instance_noise_epochs * self.steps_per_epoch))
        if std:
            x = x + std * self.draws.normal(*x.shape)
        if self.rules.pack > 1:  # Lin et al. 2018: so many samples side by side
            whole = len(x) - len(x) % self.rules.pack
            x = torch.cat([x[i : whole : self.rules.pack] for i in range(self.rules.pack)], 1)
        return batch._replace(images=x)

    def ask(self, batch):
        return self.D(batch.images)

    def opinion(self, outputs):
        return outputs

    def mean(self, outputs):
        opinion = self.opinion(outputs.detach())
        of_logits = self.rules.loss in ("non-saturating", "minimax") and self.config.discriminator.output == "logit"
        return (opinion.sigmoid() if of_logits else opinion).mean()

    # ---- what other games do differently -----------------------------------------------------------------

    def generate(self, batch):
        z, m = self.z(len(batch.images)), self.rules.pack
        whole = len(z) - len(z) % m
        samples = [self.G(z[i * whole // m : (i + 1) * whole // m]) for i in range(m)]  # a place of the packs at a time
        return Batch(torch.cat([sample[None] for pack in zip(*samples, strict=True) for sample in pack]))

    def z(self, n):
        g = self.config.generator
        if g.z == "normal":
            return g.z_scale * self.draws.normal(n, g.z_dim)
        return g.z_scale * (2 * self.draws.uniform(n, g.z_dim) - 1)

    def extra_D(self, cost, report, batch, fakes, on_real, on_fake):
        return cost, report

    def extra_G(self, cost, report, batch, fakes, on_fake):
        return cost, report


def slope(outputs, x):
    """The gradient of D's output on each sample with respect to that sample, as one row each."""
    (gx,) = torch.autograd.grad(outputs.sum(), x, create_graph=True)
    return gx.flatten(1)


# ---- who moves when ----------------------------------------------------------------------------------------


def alternating(game, batches):
    """Goodfellow et al. 2014, algorithm 1."""
    for batch in batches:
        fakes = game.generate(batch)
        report = game.differentiate_D(batch, fakes)
        game.move_D()
    for i in range(game.rules.g_steps):
        if i or game.rules.fresh_z:
            fakes = game.generate(batch)
        report |= game.differentiate_G(batch, fakes)
        game.move_G()
    return report


def simultaneous(game, batches):
    report = differentiate_both(game, *batches)
    game.move_D()
    game.move_G()
    return report


def extragradient(game, batches):
    """Gidel et al. 2019, algorithms 2 and 4."""
    ahead, here = batches
    differentiate_both(game, ahead)
    game.move_D("extrapolate")
    game.move_G("extrapolate")
    return simultaneous(game, [here])


def differentiate_both(game, batch):
    fakes = game.generate(batch)
    if game.rules.consensus:
        return consensus(game, batch, fakes)
    cost_D, report_D = game.cost_D(batch, fakes.detach())
    cost_G, report_G = game.cost_G(batch, fakes)
    for cost, network in ((cost_D, game.D), (cost_G, game.G)):
        parameters = list(network.parameters())
        for w, g in zip(parameters, torch.autograd.grad(cost, parameters), strict=True):
            w.grad = g
    return report_D | report_G


def consensus(game, batch, fakes):
    """Mescheder, Nowozin and Geiger 2017: each player minimises its loss plus gamma / 2 |v|^2, v = both gradients."""
    D, G = list(game.D.parameters()), list(game.G.parameters())
    cost_D, report_D = game.cost_D(batch, fakes)
    cost_G, report_G = game.cost_G(batch, fakes)
    v = [*torch.autograd.grad(cost_D, D, create_graph=True), *torch.autograd.grad(cost_G, G, create_graph=True)]
    L = game.rules.consensus / 2 * sum(g.square().sum() for g in v)
    for w, g, pull in zip([*D, *G], v, torch.autograd.grad(L, [*D, *G]), strict=True):
        w.grad = g.detach() + pull
    return report_D | report_G | {"consensus": L.detach()}


RULES = {
    "alternating": alternating,
    "simultaneous": simultaneous,
    "optimistic": simultaneous,
    "extragradient": extragradient,
}


# ---- games in which there is more at stake ------------------------------------------------------------------


class Conditional(Game):
    """Mirza and Osindero 2014: G(z, y) and D(x, y)."""

    def generate(self, batch):
        return Batch(self.G(self.z(len(batch.labels)), batch.labels), batch.labels)

    def ask(self, batch):
        return self.D(batch.images, batch.labels)


class Auxiliary(Conditional):
    """Odena et al. 2017: G(z, y); D(x) says how real, and the logits of the classes."""

    def ask(self, batch):
        return self.D(batch.images)

    def opinion(self, outputs):
        return outputs[:, :1]

    def extra_D(self, cost, report, batch, fakes, on_real, on_fake):
        classes = F.cross_entropy(on_real[:, 1:], batch.labels) + F.cross_entropy(on_fake[:, 1:], fakes.labels)
        return cost + self.rules.class_weight * classes, report | {"accuracy": accuracy(on_real[:, 1:], batch.labels)}

    def extra_G(self, cost, report, batch, fakes, on_fake):
        return cost + self.rules.class_weight * F.cross_entropy(on_fake[:, 1:], fakes.labels), report


class SemiSupervised(Game):
    """Salimans et al. 2016, section 5: D(x) = Z / (Z + 1), Z = sum_k exp l_k; section 3.1: G matches features."""

    def __init__(self, *args, labelled, **settings):
        super().__init__(*args, **settings)
        self.labelled = labelled

    def opinion(self, outputs):
        return outputs.logsumexp(1, keepdim=True)

    def extra_D(self, cost, report, batch, fakes, on_real, on_fake):
        chosen = self.draws.integers(len(self.labelled.images), len(batch.images))
        labelled = Batch(self.labelled.images[chosen], self.labelled.labels[chosen])
        classes = F.cross_entropy(self.ask(self.seen(labelled)), labelled.labels)
        report |= {"cross_entropy": classes.detach(), "accuracy": accuracy(on_real, batch.labels)}
        return cost + self.rules.class_weight * classes, report

    def cost_G(self, batch, fakes):
        on_real, on_fake = (self.D.features(self.seen(x).images).mean(0) for x in (batch, fakes))
        loss = F.mse_loss(on_fake, on_real)
        return loss, {"loss_G": loss.detach()}


class Reconstruction(Game):
    """Pathak et al. 2016; Ledig et al. 2017: the adversarial loss plus lambda times the mean squared error."""

    def generate(self, batch):
        return Batch(getattr(self, DAMAGES[self.rules.task])(batch.images))

    def repaired(self, x):
        """G's pixels in a square hole at a place drawn for each image, and the image around it."""
        n, _, height, width = x.shape
        rows, columns = self.places(n, height), self.places(n, width)
        hole = rows[:, None, :, None] & columns[:, None, None, :]
        return torch.where(hole, self.G(x.masked_fill(hole, 0.0)), x)

    def places(self, n, length):
        """Half of the places along one side, all in a row: bool (n, length)."""
        size = length // 2
        first = self.draws.integers(length - size + 1, n).reshape(n, 1)
        return (torch.arange(length) - first >= 0) & (torch.arange(length) - first < size)

    def enlarged(self, x):
        """G sees means over 4 x 4 pixels."""
        return self.G(F.avg_pool2d(x, 4).repeat_interleave(4, 2).repeat_interleave(4, 3))

    def extra_G(self, cost, report, batch, fakes, on_fake):
        error = F.mse_loss(fakes.images, batch.images)
        return cost + self.rules.reconstruction * error, report | {"reconstruction": error.detach()}


DAMAGES = {"repair": "repaired", "super-resolution": "enlarged"}
GAMES = {
    "generate": Game,
    "conditional": Conditional,
    "auxiliary": Auxiliary,
    "semi-supervised": SemiSupervised,
    "repair": Reconstruction,
    "super-resolution": Reconstruction,
}


def accuracy(logits, labels):
    return (logits.argmax(1) == labels).double().mean()


def build(config, G, D, steps_per_epoch=1.0, labelled=None, draws=None):
    """The game of these settings; ``labelled`` is what a semi-supervised D knows the labels of."""
    more = {"labelled": labelled} if config.game.task == "semi-supervised" else {}
    return GAMES[config.game.task](config, G, D, steps_per_epoch, draws, **more)
