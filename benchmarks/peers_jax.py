"""JAX's side of peers.py: the whole step as one jitted function whose state is donated.

This process knows nothing of minigan: networks, weights and data come in a file (`works.Task`). Images are NHWC, as XLA
likes them; dropout and noise are drawn by its random bit generator, which is faster than the default threefry. Nothing
in JAX itself says on how many threads XLA computes on a CPU: peers.py sets the variable NPROC, from which XLA reads how
many processors there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from peers_worker import LeftOutError, Library, Losses, Setting, Step, serve
from works import JAX, Layer, Task

try:
    import jax
    import jax.numpy as jnp
    from jax import lax
except ImportError:  # said by `prepare`
    jax = None

Array = Any  # of JAX
Weights = list[dict[str, Array]]  # of each layer, by name

# ---- networks ------------------------------------------------------------------------------------------------


def read_weights(layers: list[Layer], arrays: list[np.ndarray]) -> tuple[Weights, Weights]:
    """Weights and running statistics of each layer, from the arrays of a state_dict in PyTorch's layout."""
    left = iter(arrays)
    weights: Weights = []
    statistics: Weights = []
    for name, *_ in layers:
        weights.append({})
        statistics.append({})
        if name in ("Linear", "Conv2d", "ConvTranspose2d", "BatchNorm1d", "BatchNorm2d"):
            weights[-1] = {"w": jnp.asarray(in_layout[name](next(left))), "b": jnp.asarray(next(left))}
        if name.startswith("BatchNorm"):
            statistics[-1] = {"mean": jnp.asarray(next(left)), "var": jnp.asarray(next(left))}
            next(left)  # PyTorch's count of batches
    return weights, statistics


in_layout = {
    "Linear": np.transpose,  # (in, out)
    "Conv2d": lambda w: w.transpose(2, 3, 1, 0),  # (height, width, in, out)
    "ConvTranspose2d": lambda w: w[:, :, ::-1, ::-1].transpose(2, 3, 0, 1),
    "BatchNorm1d": np.asarray,
    "BatchNorm2d": np.asarray,
}


def forward(layers: list[Layer], weights: Weights, x: Array, key: Array, statistics: Weights) -> tuple[Array, Weights]:
    """The output of a network in training, and the running statistics of its BatchNorms after this batch."""
    moved = list(statistics)
    for i, ((name, *arguments), p) in enumerate(zip(layers, weights, strict=True)):
        match name:
            case "Linear":
                x = x @ p["w"] + p["b"]
            case "Conv2d":
                *_, stride, (rows, columns) = arguments
                padding = ((rows, rows), (columns, columns))
                x = convolve(x, p["w"], window_strides=stride, padding=padding) + p["b"]
            case "ConvTranspose2d":
                *_, size, stride, padding = arguments
                around = [(k - 1 - n, k - 1 - n) for k, n in zip(size, padding, strict=True)]
                x = convolve(x, p["w"], window_strides=(1, 1), padding=around, lhs_dilation=stride) + p["b"]
            case "BatchNorm1d" | "BatchNorm2d":
                x, moved[i] = batch_norm(x, p, statistics[i])
            case "LeakyReLU":
                x = jax.nn.leaky_relu(x, *arguments)
            case "Dropout":
                kept = 1 - arguments[0]
                x = jnp.where(jax.random.bernoulli(jax.random.fold_in(key, i), kept, x.shape), x / kept, 0)
            case "Flatten":
                x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
            case "Unflatten":
                x = x.reshape(len(x), *arguments[1]).transpose(0, 2, 3, 1)
            case "ReLU" | "Tanh" | "Sigmoid":
                x = {"ReLU": jax.nn.relu, "Tanh": jnp.tanh, "Sigmoid": jax.nn.sigmoid}[name](x)
    return x, moved


def convolve(x: Array, w: Array, **window: Any) -> Array:
    """Images (N, H, W, C) with kernels (height, width, in, out)."""
    return lax.conv_general_dilated(x, w, dimension_numbers=("NHWC", "HWIO", "NHWC"), **window)


def batch_norm(x: Array, p: dict[str, Array], running: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
    """By the statistics of this batch; PyTorch's eps and momentum."""
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes), x.var(axes)
    n = x.size // x.shape[-1]
    seen = {"mean": mean, "var": var * (n / (n - 1))}
    moved = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * lax.stop_gradient(new), running, seen)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p["w"] + p["b"], moved


# ---- losses --------------------------------------------------------------------------------------------------

TINY = 1e-38  # PyTorch bounds the logarithm itself, at -100


def loss_D(task: Task, on_real: Array, on_fake: Array) -> Array:
    """What D pays, but for penalties."""
    match task.loss:
        case "probability":
            on_real, not_fake = jnp.maximum(on_real, TINY), jnp.maximum(1 - on_fake, TINY)
            return -jnp.log(on_real).mean() - jnp.log(not_fake).mean()
        case "logit":
            return jax.nn.softplus(-on_real).mean() + jax.nn.softplus(on_fake).mean()
    return on_fake.mean() - on_real.mean()


def loss_G(task: Task, on_fake: Array) -> Array:
    """What G pays."""
    match task.loss:
        case "probability":
            return -jnp.log(jnp.maximum(on_fake, TINY)).mean()
        case "logit":
            return jax.nn.softplus(-on_fake).mean()
    return -on_fake.mean()


def ask(task: Task, D: Weights, x: Array, key: Array) -> Array:
    """D's outputs; there is no BatchNorm in it."""
    return forward(task.D, D, x, key, [{}] * len(D))[0]


def cost_D(D: Weights, task: Task, real: Array, fake: Array, eps: Array, key: Array) -> tuple[Array, Array]:
    """What D pays with its penalties, and without."""
    keys = jax.random.split(key, 3)
    if task.r1_gamma:  # in one pass, the slope at real samples would be sought through the fakes, too
        on_real, pull = jax.vjp(lambda x: ask(task, D, x, keys[0]), real)
        (gx,) = pull(jnp.ones_like(on_real))
        on_fake = ask(task, D, fake, keys[1])
    else:
        on_real, on_fake = jnp.split(ask(task, D, jnp.concatenate([real, fake]), keys[0]), 2)
    cost = loss = loss_D(task, on_real, on_fake)
    if task.r1_gamma:  # Mescheder, Geiger and Nowozin 2018, equation 9
        cost += task.r1_gamma / 2 * (gx**2).reshape(len(gx), -1).sum(1).mean()
    if task.gradient_penalty:  # Gulrajani et al. 2017, algorithm 1
        gx = jax.grad(lambda x: ask(task, D, x, keys[2]).sum())(eps * real + (1 - eps) * fake)
        length = jnp.sqrt((gx**2).reshape(len(gx), -1).sum(1))
        cost += task.gradient_penalty * ((length - 1) ** 2).mean()
    return cost, loss


# ---- the step ------------------------------------------------------------------------------------------------


def adam(weights: Weights, gradients: Weights, moments: Any, t: Array, lr: float, betas: Any) -> tuple[Weights, Any]:
    """Kingma and Ba 2015, algorithm 1."""
    (m, v), (beta1, beta2) = moments, betas
    m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, gradients)
    v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g**2, v, gradients)

    def moved(w: Array, m: Array, v: Array) -> Array:
        return w - lr * (m / (1 - beta1**t)) / (jnp.sqrt(v / (1 - beta2**t)) + 1e-8)

    return jax.tree.map(moved, weights, m, v), (m, v)


def begin(task: Task) -> dict[str, Any]:
    """All that a step changes."""
    G, statistics = read_weights(task.G, task.weights_G)
    D, _ = read_weights(task.D, task.weights_D)
    moments = tuple((jax.tree.map(jnp.zeros_like, w), jax.tree.map(jnp.zeros_like, w)) for w in (G, D))
    step, key = jnp.zeros((), int), jax.random.key(0)
    return {"G": G, "D": D, "statistics": statistics, "moments": moments, "step": step, "key": key}


def gather(task: Task, samples: Array, order: Array, step: Array) -> Array:
    """The real samples of a step: (d_steps, batch_size, ...)."""
    rows = (step * task.d_steps + jnp.arange(task.d_steps)) % len(order)
    x = samples[order[rows]]
    return (x.astype(jnp.float32) - 127.5) / 127.5 if x.dtype == jnp.uint8 else x


def draw(task: Task, axes: int, key: Array) -> tuple[Array, Array]:
    """z for a step, and eps for WGAN-GP's penalties on samples of so many axes."""
    of_z, of_eps = jax.random.split(key)
    z = jax.random.normal(of_z, (task.draws, task.batch_size, task.z_dim))
    return z, jax.random.uniform(of_eps, (task.d_steps, task.batch_size, *[1] * axes))


def play(task: Task, state: dict[str, Any], real: Array, z: Array, eps: Array) -> tuple[dict[str, Any], Losses]:
    """The step on these samples and numbers: what it makes of the state, and the losses."""
    key, *keys = jax.random.split(state["key"], task.d_steps + 2)
    G, D, (moments_G, moments_D), statistics = state["G"], state["D"], state["moments"], state["statistics"]

    def generate(z: Array, statistics: Weights) -> tuple[Array, Any, Weights]:
        """Fakes, the way back from their gradient to G's, and G's running statistics."""
        return jax.vjp(lambda G: forward(task.G, G, z, key, statistics), G, has_aux=True)

    for i in range(task.d_steps):
        fake, pull, statistics = generate(z[i], statistics)
        (_, of_D), gD = jax.value_and_grad(cost_D, has_aux=True)(D, task, real[i], fake, eps[i], keys[i])
        moves = state["step"] * task.d_steps + i + 1
        D, moments_D = adam(D, gD, moments_D, moves, task.lr_D, task.betas_D)
    if task.fresh_z:
        fake, pull, statistics = generate(z[-1], statistics)
    of_G, gx = jax.value_and_grad(lambda fake: loss_G(task, ask(task, D, fake, keys[-1])))(fake)
    (gG,) = pull(gx)
    G, moments_G = adam(G, gG, moments_G, state["step"] + 1, task.lr_G, task.betas_G)
    moments = moments_G, moments_D
    return {
        **state,
        "G": G,
        "D": D,
        "statistics": statistics,
        "moments": moments,
        "step": state["step"] + 1,
        "key": key,
    }, (of_D, of_G)


def jit_step(task: Task, device: str, replayed: bool) -> Step:
    """All of it as one function."""
    samples, order, state = jnp.asarray(nhwc(task.samples)), jnp.asarray(task.order), begin(task)

    def whole(state: dict[str, Any], samples: Array, order: Array) -> tuple[dict[str, Any], Losses]:
        key, own = jax.random.split(state["key"])
        z, eps = draw(task, samples[0].ndim, own)
        return play(task, {**state, "key": key}, gather(task, samples, order, state["step"]), z, eps)

    def on_given(
        state: dict[str, Any], samples: Array, order: Array, z: Array, eps: Array
    ) -> tuple[dict[str, Any], Losses]:
        return play(task, state, gather(task, samples, order, state["step"]), z, eps)

    function = jax.jit(on_given if replayed else whole, donate_argnums=0)

    def step(k: int) -> Losses:
        nonlocal state
        given = (task.z[k], task.eps[k] if len(task.eps) else np.zeros(task.d_steps)) if replayed else ()
        state, losses = function(state, samples, order, *given)
        return losses

    return step


def nhwc(samples: np.ndarray) -> np.ndarray:
    """Images with their channels last; points as they are."""
    return np.moveaxis(samples, 1, -1) if samples.ndim == 4 else samples


# ---- the library ---------------------------------------------------------------------------------------------


def prepare(setting: Setting) -> None:
    """Precision, and random numbers."""
    if jax is None:
        raise LeftOutError("JAX is not installed: pip install 'jax[cpu]'")
    try:
        jax.devices(setting.device)
    except RuntimeError:
        raise LeftOutError("this JAX finds no GPU") from None
    jax.config.update("jax_default_prng_impl", "rbg")
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if setting.tf32 else "highest")


def wait(losses: Losses, device: str) -> None:
    """Until the step is done: on a CPU, too, JAX goes on before it is."""
    jax.block_until_ready(losses)


if __name__ == "__main__":
    serve(Library({JAX: jit_step}, prepare, wait))
