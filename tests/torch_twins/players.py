"""What moves a network in PyTorch: its optimizers and schedules, and from the papers what PyTorch does not have."""

from __future__ import annotations

import torch
from torch.optim import Optimizer, lr_scheduler


class Player:
    """A network, its optimizer, and a learning rate that may change from step to step."""

    def __init__(self, network, settings, rule, steps_per_epoch, steps):
        self.network = network
        self.settings = settings
        self.steps_per_epoch = steps_per_epoch
        self.optimizer = make_optimizer(network.parameters(), settings, rule)
        self.schedule = make_schedule(self.optimizer, settings, steps_per_epoch, steps)

    def begin(self, step):
        """Training mode, and the momentum of this step."""
        self.network.train()
        rising = self.settings.momentum_epochs * self.steps_per_epoch
        if self.settings.optimizer == "sgd" and rising:
            start, end = self.settings.momentum, self.settings.final_momentum
            for group in self.optimizer.param_groups:
                group["momentum"] = min(start + (end - start) * step / rising, end)

    def move(self, how="step"):
        """Along the gradients, by this method of the optimizer."""
        if self.settings.clip_grad_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_grad_norm)
        getattr(self.optimizer, how)()

    def end(self):
        """The learning rate of the next step."""
        if self.schedule is not None:
            self.schedule.step()


def make_schedule(optimizer, s, steps_per_epoch, steps):
    floor = s.lr_min / s.lr
    match s.schedule:
        case "constant":
            return None
        case "step":
            return lr_scheduler.LambdaLR(optimizer, lambda k: max(s.lr_decay ** (k // steps_per_epoch), floor))
        case "exponential":
            return lr_scheduler.LambdaLR(optimizer, lambda k: max(s.lr_decay ** (k / steps_per_epoch), floor))
        case "linear":
            return lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=floor, total_iters=steps)
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps, eta_min=s.lr_min)


def make_optimizer(parameters, s, rule):
    same = {"lr": s.lr, "weight_decay": s.weight_decay}
    match s.optimizer, rule:
        case "adam", "extragradient":
            return ExtraAdam(parameters, betas=s.betas, **same)
        case "adam", "optimistic":
            return OptimisticAdam(parameters, betas=s.betas, **same)
        case "adam", _:
            return torch.optim.Adam(parameters, betas=s.betas, **same)
        case "sgd", "extragradient":
            return ExtraSGD(parameters, **same)
        case "sgd", "optimistic":
            return OptimisticSGD(parameters, **same)
        case "sgd", _:
            return torch.optim.SGD(parameters, momentum=s.momentum, **same)
        case "rmsprop", _:
            return torch.optim.RMSprop(parameters, momentum=s.momentum, **same)


class FromPaper(Optimizer):
    """An optimizer whose steps are written for one parameter w, its gradient g and what it remembers."""

    def __init__(self, parameters, **settings):
        super().__init__(parameters, settings)

    def step(self):
        self.each(self.advance)

    @torch.no_grad()
    def each(self, update):
        for group in self.param_groups:
            for w in group["params"]:
                update(w, w.grad + group["weight_decay"] * w, self.state[w], group)


def adam_direction(g, memory, betas, eps=1e-8):
    """Kingma and Ba 2015, algorithm 1: what Adam subtracts, over its learning rate."""
    beta1, beta2 = betas
    t = memory["t"] = memory.get("t", 0) + 1
    m = memory["m"] = beta1 * memory.get("m", 0) + (1 - beta1) * g
    v = memory["v"] = beta2 * memory.get("v", 0) + (1 - beta2) * g * g
    return m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)


class ExtraSGD(FromPaper):
    """Gidel et al. 2019, algorithm 2: w' = w - lr g(w), then w - lr g(w')."""

    def extrapolate(self):
        self.each(self.look_ahead)

    def look_ahead(self, w, g, memory, group):
        memory["start"] = w.clone()
        w -= group["lr"] * self.direction(g, memory, group)

    def advance(self, w, g, memory, group):
        w.copy_(memory["start"] - group["lr"] * self.direction(g, memory, group))

    def direction(self, g, memory, group):
        return g


class ExtraAdam(ExtraSGD):
    """Gidel et al. 2019, algorithm 4: both gradients go into the moments, so t counts half steps."""

    def direction(self, g, memory, group):
        return adam_direction(g, memory, group["betas"])


class OptimisticSGD(FromPaper):
    """Daskalakis et al. 2018, equation 5: w - 2 lr g_t + lr g_(t-1)."""

    def advance(self, w, g, memory, group):
        now, before = self.direction(g, memory, group), memory.get("before", 0)
        w -= group["lr"] * (2 * now - before)
        memory["before"] = now.clone()

    def direction(self, g, memory, group):
        return g


class OptimisticAdam(OptimisticSGD):
    """Daskalakis et al. 2018, algorithm 1."""

    def direction(self, g, memory, group):
        return adam_direction(g, memory, group["betas"])
