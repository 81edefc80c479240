"""Entries: normalisation, and the look-up of embeddings."""

import numpy as np

import minigan as mg
from minigan.ops import embedding, norm
from ops_table.entry import EMPTY, Entry, positive, spread

EPS = 1e-3
ROWS = {"rows": (spread(4, 3),), "transposed": (spread(3, 4).T,)}
SEQUENCES = {"sequences": (spread(2, 3, 2),)}
IMAGES = {"images": (spread(2, 3, 2, 2),), "channels last": (spread(2, 2, 2, 3).transpose(0, 3, 1, 2),)}
BATCHES = ROWS | SEQUENCES | IMAGES


def affine(samples, *shape):
    return {name: (*xs, positive(*shape), spread(*shape)) for name, xs in samples.items()}


def constant(lib, array, x):
    """The array as a tensor on the device of x."""
    return lib.as_tensor(array, device=x.device)


def running(lib, x):
    return [constant(lib, np.array(s), x).to(dtype=x.dtype) for s in ([0.3, -0.2, 0.5], [0.7, 1.9, 0.4])]


def batch_norm(lib, x, *affine, training=True):
    stats = (None, None) if training else running(lib, x)
    return lib.nn.functional.batch_norm(x, *stats, *affine, training=training, eps=EPS)


def instance_norm(lib, x, *affine):
    return lib.nn.functional.instance_norm(x, None, None, *affine, eps=EPS)


def layer_norm(lib, x, *affine, dims=1):
    return lib.nn.functional.layer_norm(x, tuple(x.shape[-dims:]), *affine, eps=EPS)


# ---- the primitives, each as the function of x that it is ------------------------------------------------


def statistics(lib, x, dim):
    """mean and rstd of x; what PyTorch would say with ``keepdim``."""
    mean, var = x.mean(dim, keepdim=True), x.var(dim, correction=0, keepdim=True)
    return mean, (var + EPS) ** -0.5


def ours(op, dim):
    def run(lib, gy, x, *weight):
        stats = [s.detach() for s in statistics(lib, x, dim)]
        settings = {"dim": dim, "eps": EPS}
        if op is norm._norm_sums:
            return op(gy, x, *stats, **settings)
        sums = norm._norm_sums(gy, x, *stats, **settings).detach()
        return op(gy, x, *stats, sums, *(weight or (None,)), **settings)

    return run


def sums(dim):
    def run(torch, gy, x):
        mean, rstd = statistics(torch, x, dim)
        return torch.stack((gy.sum(dim, keepdim=True), (gy * (x - mean) * rstd).sum(dim, keepdim=True)))

    return run


def input_grad(dim):
    def run(torch, gy, x, *weight):
        mean, rstd = statistics(torch, x, dim)
        z = (x - mean) * rstd
        gx = rstd * (gy - gy.mean(dim, keepdim=True) - z * (gy * z).mean(dim, keepdim=True))
        return gx * weight[0] if weight else gx

    return run


def backward(name, op, theirs, dim, weights):
    samples = {key: (spread(*x.shape) * 0.9 + 0.1, x) for key, (x,) in BATCHES.items() if x.ndim == max(dim) + 1}
    entries = [Entry(f"{name} {dim}", (op,), ours(op, dim), samples, theirs(dim))]
    if weights:
        samples = {
            key: (gy, x, positive(*[1 if d in dim else n for d, n in enumerate(x.shape)]))
            for key, (gy, x) in samples.items()
        }
        entries.append(Entry(f"{name} {dim}, weighted", (op,), ours(op, dim), samples, theirs(dim)))
    return entries


NORM = [
    Entry("batch_norm", (norm._normalize,), batch_norm, BATCHES),
    Entry("batch_norm affine", (norm._normalize,), batch_norm, affine(BATCHES, 3)),
    Entry("batch_norm eval", (norm._shift_and_scale,), lambda lib, *xs: batch_norm(lib, *xs, training=False),
          {f"affine, {name}": xs for name, xs in affine(BATCHES, 3).items()} | BATCHES | EMPTY),
    Entry("instance_norm", (norm._normalize,), instance_norm, SEQUENCES | IMAGES),
    Entry("instance_norm affine", (norm._normalize,), instance_norm, affine(SEQUENCES | IMAGES, 3)),
    Entry("layer_norm", (norm._normalize,), layer_norm, BATCHES | {"vector": (spread(5),)} | EMPTY),
    Entry("layer_norm affine", (norm._normalize,), layer_norm, affine(ROWS, 3) | affine(SEQUENCES | IMAGES, 2)),
    Entry("layer_norm of images", (norm._normalize,), lambda lib, *xs: layer_norm(lib, *xs, dims=3),
          IMAGES | affine({"affine": (spread(2, 3, 2, 2),)}, 3, 2, 2)),
    *[entry for dim in ((0,), (0, 2), (0, 2, 3), (2, 3), (1,))
      for entry in (*backward("norm_sums", norm._norm_sums, sums, dim, False),
                    *backward("norm_grad", norm._norm_grad, input_grad, dim, True))],
]  # fmt: skip

CHOSEN = np.array([[2, 0], [2, 3], [2, 2]])
TABLES = {"matrix": (spread(5, 3),), "transposed": (spread(3, 5).T,), "strided": (spread(10, 6)[::2, ::2],)}
EMBEDDING = [
    Entry("embedding", (embedding._embedding,), lambda lib, w: lib.nn.functional.embedding(
          constant(lib, CHOSEN, w), w), TABLES),
    Entry("embedding_grad", (embedding._embedding_grad,),
          lambda lib, gy: embedding._embedding_grad(gy, constant(mg, CHOSEN, gy), rows=5),
          {"matrix": (spread(3, 2, 3),), "transposed": (spread(3, 2, 3).transpose(0, 2, 1).copy().transpose(0, 2, 1),)},
          torch=lambda torch, gy: torch.zeros(5, 3, dtype=gy.dtype).index_add(
              0, torch.tensor(CHOSEN).reshape(-1), gy.reshape(-1, 3))),
]  # fmt: skip
