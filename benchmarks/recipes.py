"""Which recipe makes the best digits in five minutes? Every try behind docs/recipes.md.

    python benchmarks/recipes.py --list            what there is to try
    python benchmarks/recipes.py default "gamma 1" train and score these recipes, one after the other
    python benchmarks/recipes.py --table           the table of docs/recipes.md, from benchmarks/results/recipes.jsonl

Each try trains on the 60,000 training images, draws 10,000 samples and scores them with a small classifier that is
itself trained by minigan (784-512-128-10, about 98% on the test images): the classifier score exp E KL(p(y|x) | p(y))
of Salimans et al. 2016, and the Frechet distance of Heusel et al. 2017 in the 128 features before its output. The
rows of real test images and of noise say what these numbers mean with this judge; they say nothing beside others'.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import minigan as mg
from minigan.data import Loader, load_mnist
from minigan.gan import build_game, load_preset, set_field
from minigan.gan.sampling import sample

RESULTS = Path(__file__).parent / "results"

# What each recipe changes in the preset `default` (or `reference`, where it starts with @reference).
BN = "generator.norm=batch"
RECIPES: dict[str, list[str]] = {
    "default": [],
    "articles": ["@reference", "training.steps=7000"],
    "no EMA": ["generator.ema_decay=0.0"],
    "beta1 .9": ["generator.betas=[0.9, 0.999]", "discriminator.betas=[0.9, 0.999]"],
    "smoothing .1": ["game.label_smoothing=0.1"],
    "gamma .1": ["game.r1_gamma=0.1"],
    "gamma 1": ["game.r1_gamma=1.0"],
    "R1 every 8th step": ["game.penalty_every=8"],
    "lr G 4e-4": ["generator.lr=4e-4"],
    "lr D 8e-4": ["discriminator.lr=8e-4"],
    "batch 32": ["training.batch_size=32", "training.steps=15000"],
    "BatchNorm in G": [BN],
    "BatchNorm in G, lr G 4e-4": [BN, "generator.lr=4e-4"],
    "BatchNorm in G, lr G 4e-4, batch 128": [BN, "generator.lr=4e-4", "training.batch_size=128", "training.steps=7000"],
    "BatchNorm in G, no R1, dropout .3, smoothing .1": [
        BN, "game.r1_gamma=0.0", "discriminator.dropout=0.3", "game.label_smoothing=0.1",
    ],
}  # fmt: skip


def train_judge() -> mg.nn.Sequential:
    """A classifier of digits: logits of the ten classes, each against the rest."""
    mg.manual_seed(1)
    images, labels = load_mnist()
    loader = Loader(images, labels, batch_size=128, seed=1)
    judge = mg.nn.Sequential(
        mg.nn.Flatten(), mg.nn.Linear(784, 512), mg.nn.ReLU(), mg.nn.Dropout(0.3),
        mg.nn.Linear(512, 128), mg.nn.ReLU(), mg.nn.Linear(128, 10),
    )  # fmt: skip
    optimizer = mg.optim.Adam(judge.parameters(), lr=1e-3)
    for step in range(6 * len(loader)):
        mg.set_step(step)
        one_hot = np.eye(10, dtype=np.float32)[loader.labels_of(step)]
        loss = mg.nn.functional.binary_cross_entropy_with_logits(judge(mg.as_tensor(loader.batch(step))), one_hot)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return judge.eval()


def score(judge: mg.nn.Sequential, images: np.ndarray, real_features: np.ndarray | None) -> dict[str, float]:
    """Classifier score, Frechet distance, mean confidence and the share of the rarest class of (N, 1, 28, 28)."""
    features = features_of(judge, images)
    with mg.no_grad():
        logits = judge[6](mg.as_tensor(features)).numpy().astype(np.float64)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    marginal = p.mean(0)
    kl = (p * (np.log(p + 1e-16) - np.log(marginal + 1e-16))).sum(1).mean()
    shares = np.bincount(p.argmax(1), minlength=10) / len(p)
    return {
        "score": float(np.exp(kl)),
        "frechet": 0.0 if real_features is None else frechet(features, real_features),
        "confidence": float(p.max(1).mean()),
        "rarest": float(shares.min()),
    }


def features_of(judge: mg.nn.Sequential, images: np.ndarray) -> np.ndarray:
    """The 128 features before the judge's last layer."""
    with mg.no_grad():
        return judge[:6].eval()(mg.as_tensor(images)).numpy()


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """|mean difference|^2 + tr(Ca + Cb - 2 (Ca Cb)^1/2); the trace of the root from eigenvalues."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.sqrt(np.maximum(np.linalg.eigvals(ca @ cb).real, 0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca) + np.trace(cb) - 2 * root)


def train(name: str, seed: int, steps: int | None) -> tuple[np.ndarray, dict[str, float]]:
    """10,000 samples of a recipe, with its steps and seconds."""
    changes = list(RECIPES[name])
    preset = changes.pop(0)[1:] if changes and changes[0].startswith("@") else "default"
    config = load_preset(preset)
    for change in (*changes, f"training.seed={seed}", *([f"training.steps={steps}"] if steps else [])):
        config = set_field(config, change)
    game = build_game(config, (1, 28, 28), mg.device("cpu"))
    loader = Loader(*load_mnist(), config.training.batch_size, seed=seed, drop_last=False)
    start = time.perf_counter()
    for step in range(config.training.steps):
        mg.set_step(step)
        game.step(mg.as_tensor(loader.batch(step)))
    seconds = time.perf_counter() - start
    samples = sample(game, 10_000, 0, mg.device("cpu"))
    return samples, {"steps": config.training.steps, "seconds": round(seconds)}


def save_grid(images: np.ndarray, path: Path) -> None:
    """The first 100 samples, 10 x 10."""
    from PIL import Image

    rows = images[:100, 0].reshape(10, 10, 28, 28).transpose(0, 2, 1, 3).reshape(280, 280)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.uint8(np.clip((rows + 1) * 127.5, 0, 255))).save(path)


def table() -> str:
    """All recorded tries, best first, as Markdown."""
    rows = [json.loads(line) for line in (RESULTS / "recipes.jsonl").read_text().splitlines()]
    lines = [
        "| recipe | seed | steps | classifier score | Frechet | confidence | rarest class |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['recipe']} | {row.get('seed', '')} | {row.get('steps', '')} "
        f"| {row['score']:.2f} | {row['frechet']:.1f} | {row['confidence']:.3f} | {row['rarest']:.1%} |"
        for row in sorted(rows, key=lambda row: row["frechet"])
    ]
    return "\n".join(lines)


def main() -> None:
    """Train and score the recipes that were named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="RECIPE")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--calibrate", action="store_true", help="score real test images and noise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="in place of the recipe's own number")
    args = parser.parse_args()
    if args.list or args.table:
        print(table() if args.table else "\n".join(RECIPES))
        return
    judge = train_judge()
    real = features_of(judge, Loader(load_mnist()[0][:10_000], batch_size=10_000).batch(0))
    if args.calibrate:
        test = Loader(load_mnist("test")[0], batch_size=10_000).batch(0)
        noise = np.random.default_rng(0).uniform(-1, 1, test.shape).astype(np.float32)
        record(judge, real, "real test images", test, {})
        record(judge, real, "noise", noise, {})
    for name in args.names:
        samples, facts = train(name, args.seed, args.steps)
        record(judge, real, name, samples, {"seed": args.seed, **facts})


def record(judge: mg.nn.Sequential, real: np.ndarray, name: str, samples: np.ndarray, facts: dict) -> None:
    """Score one try, print it, and add it to the results."""
    row = {"recipe": name, **facts, **score(judge, samples, real)}
    print(json.dumps(row), flush=True)
    if facts:
        save_grid(samples, RESULTS / "recipes" / f"{name.replace(' ', '-').replace(',', '')}-{facts['seed']}.png")
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "recipes.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
