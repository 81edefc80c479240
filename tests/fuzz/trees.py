"""Checkpoints packed and read without minigan, and damage to what they hold."""

import hashlib
import json
import math
import random

import numpy as np
import safetensors
import safetensors.numpy

from .mutants import EDGES, distinct

PLACE = "__array__"  # the place of an array in the tree
NAMES = {"BOOL": "bool", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
         "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8"}  # fmt: skip
CODES = {np.dtype(name): code for code, name in NAMES.items()}


class Raw(str):
    """JSON that Python would not write by itself."""


# ---- packing ---------------------------------------------------------------------------------------------


def digest(text, arrays):
    """SHA-256 over the tree and its arrays, as a checkpoint carries it."""
    sha256 = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        sha256.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode() + arrays[name].tobytes())
    return sha256.hexdigest()


def jsoned(tree):
    """The JSON of plain values; what stands as Raw in them goes in as it is."""
    raws = []

    def marked(value):
        if isinstance(value, dict):
            return {str(key): marked(part) for key, part in value.items()}
        if isinstance(value, list):
            return [marked(part) for part in value]
        if isinstance(value, Raw):
            raws.append(value)
            return f"@raw {len(raws) - 1}@"
        return value

    text = json.dumps(marked(tree))
    for i, raw in enumerate(raws):
        text = text.replace(f'"@raw {i}@"', raw)
    return text


def taken_apart(tree):
    """The JSON of a tree, and its arrays, by names of their own."""
    arrays = {}

    def described(value):
        if isinstance(value, dict):
            return {key: described(part) for key, part in value.items()}
        if isinstance(value, list):
            return [described(part) for part in value]
        if isinstance(value, np.ndarray):
            name = f"t{len(arrays)}"
            arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
            return {PLACE: name}
        return value

    return jsoned(described(tree)), arrays


def laid_out(arrays):
    """What a header says of the arrays, and their bytes one after the other."""
    entries, data = {}, b""
    for name, array in arrays.items():
        place = [len(data), len(data) + array.nbytes]
        entries[name] = {"dtype": CODES[array.dtype], "shape": list(array.shape), "data_offsets": place}
        data += array.tobytes()
    return entries, data


def filed(header, data, length=None):
    """A safetensors file."""
    header = header if isinstance(header, bytes) else jsoned(header).encode()
    length = len(header) if length is None else length
    return (length % 2**64).to_bytes(8, "little") + header + data


def packed_text(text, arrays, **more):
    """A whole file with this JSON for its tree."""
    entries, data = laid_out(arrays)
    content = {"tree": text, "sha256": digest(text, arrays), **more}
    return filed({"__metadata__": {"minigan": json.dumps(content)}, **entries}, data)


def packed(tree):
    """A whole checkpoint."""
    return packed_text(*taken_apart(tree))


# ---- reading, as simply as can be --------------------------------------------------------------------------


def simply_read(raw):
    """The tree in a file, by the format's own library and Python's JSON; None if it is none that minigan writes."""
    try:
        arrays = safetensors.numpy.load(raw)
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
        content = json.loads(header["__metadata__"]["minigan"])
        tree = json.loads(content["tree"])
        whole = content["sha256"] == digest(content["tree"], arrays) and all(map(kept, arrays.values()))
        return hung(tree, dict(arrays)) if whole and isinstance(tree, dict) else None
    except (safetensors.SafetensorError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def kept(array):
    return array.dtype in CODES and array.ndim <= 32


def hung(value, arrays):
    """The tree with its arrays where their names stand; each may stand in one place."""
    if isinstance(value, list):
        return [hung(part, arrays) for part in value]
    if isinstance(value, dict):
        return arrays.pop(value[PLACE]) if set(value) == {PLACE} else {key: hung(value[key], arrays) for key in value}
    return value


def same(x, y):
    """Whether two trees are equal, to the types and the last bit; a NaN is equal to a NaN."""
    if type(x) is not type(y):
        return False
    if isinstance(x, dict):
        return x.keys() == y.keys() and all(same(x[key], y[key]) for key in x)
    if isinstance(x, list):
        return len(x) == len(y) and all(map(same, x, y))
    if isinstance(x, np.ndarray):
        return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
    return x == y or (isinstance(x, float) and math.isnan(x) and math.isnan(y))


# ---- damage to a tree --------------------------------------------------------------------------------------

DEEP = [Raw("[" * n + "]" * n) for n in (50, 900, 100_000)] + [Raw('{"a":' * n + "1" + "}" * n) for n in (300, 100_000)]
VALUES = [
    None, True, False, 0, 1, 2, 5, -1, -10, 1.0, 2.5, -0.0, math.nan, math.inf, -math.inf, 1e308, 5e-324, 10**9, 10**12,
    10**30, Raw("9" * 5000), Raw("1e999"), "", "1", "5", "x" * 1000, "a\nb.", "\x1b[2J", "\ud800", "nan", "true",
    "cos\nsystem\n(S'touch here'\ntR.", [], {}, [1], [[]], ["a"], {"a": 1}, {"step": 1}, [1, 4, 4], [0.5, 0.9],
    {PLACE: "t0"}, {PLACE: "t9"}, {PLACE: "none"}, {PLACE: 3}, {PLACE: None}, {PLACE: []}, {PLACE: "t1", "b": 1},
    *DEEP, *EDGES,
]  # fmt: skip


def copied(value):
    """The same tree in new dictionaries and lists, around the same arrays."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    return [copied(part) for part in value] if isinstance(value, list) else value


def places(tree):
    """All places in a tree, as (what holds it, its key)."""
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from places(tree[key])


def some_place(rng, tree):
    """One of them: any at all, or found by going down from the root, so that large parts are met as well."""
    if rng.random() < 0.5:
        return rng.choice(list(places(tree)))
    holder, key = tree, rng.choice(list(tree))
    while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.75:
        holder = holder[key]
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    return holder, key


def other_value(rng, tree, other):
    """Something else stands there."""
    holder, key = some_place(rng, tree)
    holder[key] = rng.choice(VALUES)


def without(rng, tree, other):
    """Something is missing."""
    holder, key = some_place(rng, tree)
    del holder[key]


def renamed(rng, tree, other):
    """Something stands under another name, or there is something more."""
    holder, key = some_place(rng, tree)
    if isinstance(holder, list):
        holder.insert(key, rng.choice([holder[key], *VALUES]))
        return
    name = rng.choice([f"{key}x", str(key)[:-1], "", "0", "99", "a\nb", "\x1b[2J", "x" * 500, "__class__", PLACE])
    holder[name] = holder.pop(key) if rng.random() < 0.5 else rng.choice(VALUES)


def grafted(rng, tree, other):
    """One part stands in the place of another, of the same run or of another."""
    holder, key = some_place(rng, tree)
    source, name = some_place(rng, rng.choice([tree, other]))
    holder[key] = copied(source[name])


def of_another_run(rng, tree, other):
    """The same place in another run."""
    holder, key = some_place(rng, tree["game"]) if rng.random() < 0.7 else (tree, rng.choice(list(tree)))
    found = [there for there, name in places(other) if name == key]
    holder[key] = copied(rng.choice(found)[key]) if found else None


def other_array(rng, tree, other):
    """An array of other numbers, type or shape."""
    holder, key = rng.choice([place for place in places(tree["game"]) if isinstance(place[0][place[1]], np.ndarray)])
    array = holder[key]
    holder[key] = rng.choice([spoiled, retyped, reshaped])(rng, array)


def spoiled(rng, array):
    array = array.copy()
    array.reshape(-1)[rng.randrange(array.size)] = rng.choice([np.nan, np.inf, 3e38, -1, 1e-42] if array.ndim else [-1])
    return array


def retyped(rng, array):
    with np.errstate(all="ignore"):
        array = array.astype(rng.choice(list(CODES)))
        return array * np.float64(1e300) if rng.random() < 0.2 else array


def reshaped(rng, array):
    return rng.choice([array.T, array[None], array.reshape(-1), array[:0] if array.ndim else array[None][:0],
                       np.concatenate([array[None]] * 2), array.reshape(*array.shape, *[1] * 20),
                       np.zeros((0, 2**40), array.dtype)])  # fmt: skip


HUGE = [2, 9, 64, 1000, 10**5, 10**8, 10**9, 2**31, 2**40]


TASKS = ["conditional", "auxiliary", "semi-supervised", "repair", "super-resolution"]


def other_settings(rng, tree, other):
    """Settings of other networks than those that are there, small ones or such as no machine has room for."""
    config, data = tree["config"], tree["data"]
    for _ in range(rng.choice([1, 1, 2, 3])):
        large = rng.choice(HUGE)
        some = large if large < 10**6 else 3
        hidden = rng.choice([[large], [large, large], [8, large, 8], [1] * some])
        shape = rng.choice([[16], [1, 16], [4, 4, 1], [1, large, large], [large, 4, 4], [large], [1] * some, [],
                            [1] * 70 + [16], [0, 4, 4], [1, 2**20, 2**20]])  # fmt: skip
        player = config[rng.choice(["generator", "discriminator"])]
        place, settings = rng.choice([
            (player, {"hidden": hidden}),
            (player, {"network": rng.choice(["mlp", "conv", "residual", "maxout", "unet"])}),
            (player, {"norm": rng.choice(["none", "batch", "layer", "instance"])}),
            (player, {"spectral_norm": rng.random() < 0.5}),
            (player, {"optimizer": rng.choice(["adam", "sgd", "rmsprop"])}),
            (config["generator"], {"z_dim": large}),
            (config["generator"], {"ema_decay": rng.choice([0.0, 0.5])}),
            (config["discriminator"], {"network": "maxout", "pieces": large}),
            (config["game"], {"pack": large}),
            (config["game"], {"task": rng.choice(TASKS)}),
            (config["game"], {"rule": rng.choice(["simultaneous", "extragradient", "optimistic"])}),
            (config["training"], {rng.choice(["batch_size", "seed", "steps"]): large}),
            (data, {"classes": large}),
            (data, {"batches": large}),
            (data, {"shape": shape}),
        ])  # fmt: skip
        place.update(settings)


def other_numbers(rng, tree, other):
    """Steps, counts and settings of optimizers at the ends of their ranges."""
    number = rng.choice([-1, 0, 1, 1.0, 5.0, True, 10**9, 10**9 + 1, 2**47, 2**63, 1e308, math.nan, math.inf, None])
    game, recent = tree["game"], tree["recent"]
    optimizer = game[rng.choice(["generator", "discriminator"])]["optimizer"]
    (group,), states = optimizer["param_groups"], list(optimizer["state"].values())
    if rng.random() < 0.2:
        tree["step"] = game["steps"] = number
        return
    place, numbers = rng.choice([
        (tree, {"log_bytes": number}),
        (tree, {"step": number}),
        (recent["sums"], {"loss_D": number}),
        (recent["counts"], {"loss_D": number}),
        (recent, {"sums": {}, "counts": {}}),
        (game["ema"] or game, {"updates": number}),
        (rng.choice(states or [game]), {"step": number}),
        (group, {rng.choice(list(group)): number}),
        (group, {"betas": [number, number]}),
    ])  # fmt: skip
    place.update(numbers)


TREE_DAMAGE = (other_value, without, renamed, grafted, of_another_run, other_array, other_settings, other_numbers)


def other_trees(trees, n, seed, damage=TREE_DAMAGE):
    """n checkpoints like these, each damaged in one to three places, and whole again by its SHA-256."""
    rng = random.Random(seed)

    def make():
        tree, other = copied(rng.choice(trees)), rng.choice(trees)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            try:
                rng.choice(damage)(rng, tree, other)
            except (LookupError, TypeError, ValueError, AttributeError):  # what it would change is there no more
                continue
        return packed(tree)

    return distinct(n, make, map(packed, trees))
