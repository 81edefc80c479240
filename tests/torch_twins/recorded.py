"""What minigan draws at random, written down and drawn again by a twin in PyTorch."""

from __future__ import annotations

from collections import deque
from functools import partial

import torch

from minigan.backend.numpy import NumpyBackend

KINDS = ("normal", "uniform", "integers", "dropout_mask")


class Recorded:
    """The numbers that minigan has drawn, by kind, first come, first served: in the place of `games.Draws`."""

    def __init__(self, monkeypatch):
        self.drawn = {kind: deque() for kind in KINDS}
        self.drawing = False
        self.masks = []
        self.decided = []  # random words that a fused layer has used: what they keep is asked again in its gradients
        for kind in KINDS:
            monkeypatch.setattr(NumpyBackend, kind, self.listen(kind, getattr(NumpyBackend, kind)))
        fused = self.listen_to_layer(NumpyBackend.bias_leaky_relu_dropout)
        monkeypatch.setattr(NumpyBackend, "bias_leaky_relu_dropout", fused)

    def listen(self, kind, draw):
        def drawing(*args, **kwargs):
            inside, self.drawing = self.drawing, True  # a normal draw makes a uniform one of its own
            values = draw(*args, **kwargs)
            self.drawing = inside
            if not inside and not any(words is args[1] for words in self.decided):
                self.drawn[kind].append(torch.from_numpy(values.copy()))
            return values

        return drawing

    def listen_to_layer(self, layer):
        def drawing(backend, x, bias, words, negative_slope, threshold, scale, out=None):
            if words is not None:
                backend.dropout_mask(words, x.shape, threshold, scale, x.dtype)
                self.decided.append(words)
            return layer(backend, x, bias, words, negative_slope, threshold, scale, out)

        return drawing

    def forget(self):
        self.decided.clear()
        for numbers in [*self.drawn.values(), *self.masks]:
            numbers.clear()

    def left(self):
        """The shapes of what nobody has drawn again."""
        return [tuple(x.shape) for numbers in [*self.drawn.values(), *self.masks] for x in numbers]

    def normal(self, *shape):
        return self.take("normal", shape)

    def uniform(self, *shape):
        return self.take("uniform", shape)

    def integers(self, high, n):
        return self.take("integers", (n,))

    def take(self, kind, shape):
        values = self.drawn[kind].popleft()
        assert tuple(values.shape) == tuple(shape)
        return values

    # ---- dropout -----------------------------------------------------------------------------------------

    def drop_as_recorded(self, network):
        """Let the Dropout layers of a network, which each pass goes through in the same order, use these masks."""
        layers = [module for module in network.modules() if isinstance(module, torch.nn.Dropout)]
        self.masks = [deque() for _ in layers]
        for layer, masks in zip(layers, self.masks, strict=True):
            layer.forward = partial(times_next_mask, masks)

    def deal_masks(self):
        """Give each layer those of its own."""
        for i, masks in enumerate(self.masks):
            masks.extend(list(self.drawn["dropout_mask"])[i :: len(self.masks)])
        if self.masks:
            self.drawn["dropout_mask"].clear()


def times_next_mask(masks, x):
    """Where minigan asked D about real samples and fakes in one pass, a mask has rows for both."""
    mask = masks.popleft()
    if len(mask) == 2 * len(x):
        mask, for_fakes = mask.chunk(2)
        masks.appendleft(for_fakes)
    return x * mask
