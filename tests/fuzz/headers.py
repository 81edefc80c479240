"""Files of tensors whose headers do not fit, packed without minigan; where it makes sense, with a right SHA-256."""

import json
import random

import numpy as np

from .mutants import distinct, edge
from .trees import CODES, NAMES, digest, filed, laid_out, packed_text


def sound_parts(rng):
    """A small tree: its JSON, its arrays, what the header says of them, and their bytes."""
    sizes = [rng.randint(0, 4) for _ in range(rng.randint(1, 4))]
    arrays = {
        f"a{i}": np.frombuffer(rng.randbytes(n), "u1").astype(rng.choice(list(CODES))) for i, n in enumerate(sizes)
    }
    text = json.dumps({"game": {name: {"__array__": name} for name in arrays}, "step": 3})
    return text, arrays, *laid_out(arrays)


def whole_by_sum(text, entries, data, **more):
    """A file whose SHA-256 is right for what its header says, as far as that makes sense."""
    arrays = {}
    for name, entry in entries.items():
        try:
            begin, end = entry["data_offsets"]
            arrays[name] = np.frombuffer(data[begin:end], NAMES[entry["dtype"]]).reshape(entry["shape"])
        except (LookupError, TypeError, ValueError, OverflowError):
            continue
    content = {"tree": text, "sha256": digest(text, arrays)}
    return filed({"__metadata__": {"minigan": json.dumps(content)}, **entries}, data, **more)


def other_type(rng):
    text, _, entries, data = sound_parts(rng)
    entry = rng.choice(list(entries.values()))
    entry["dtype"] = rng.choice([*NAMES, "F8_E4M3", "F4", "f32", "", "object", "O", "<f4", None, 3, [], {}, ["F32"]])
    return whole_by_sum(text, entries, data)


def other_shape(rng):
    text, _, entries, data = sound_parts(rng)
    entry = rng.choice(list(entries.values()))
    odd = [-1, 2.0, True, None, "4", [], 10**30, edge(rng)]
    same_size = [[*entry["shape"], *[1] * n] for n in (1, 2, 32, 63, 64, 2000)] + [[1, *entry["shape"]], [0, 2**40]]
    others = [[rng.choice(odd)], [*entry["shape"], rng.choice(odd)], [2**32, 2**32], [-1, -4], [], None, 4, "4", {}]
    entry["shape"] = rng.choice([*same_size, *others])
    return whole_by_sum(text, entries, data)


def other_place(rng):
    text, _, entries, data = sound_parts(rng)
    entry = rng.choice(list(entries.values()))
    begin, end = entry["data_offsets"]
    odd = rng.choice([-1, 1.0, True, None, "8", 10**30, edge(rng), begin + 1, end + 1, begin - 8, len(data)])
    entry["data_offsets"] = rng.choice(
        [[odd, end], [begin, odd], [odd, odd], [end, begin], [begin], [begin, end, end], [], None, {}, "08", odd,
         [begin + 8, end + 8], [0, end - begin], [0, len(data)]]
    )  # fmt: skip
    return whole_by_sum(text, entries, data)


def other_names(rng):
    """Two arrays of one name, an array of an odd name, or one that the tree does not know."""
    text, arrays, entries, data = sound_parts(rng)
    old = rng.choice(list(arrays))
    new = rng.choice([*arrays, "", "a0\n", "\x1b[2J", "x" * 70_000, "__metadata__", "../a0", "ключ", "a0.a1"])
    if rng.random() < 0.5:
        arrays = {new if name == old else name: array for name, array in arrays.items()}
        text = text.replace(f'"__array__": "{old}"', f'"__array__": {json.dumps(new)}')
        return packed_text(text, arrays) if "__metadata__" not in arrays else filed(laid_out(arrays)[0], data)
    raw = json.dumps(entries[old])
    header = {"__metadata__": {"minigan": json.dumps({"tree": text, "sha256": digest(text, arrays)})}, **entries}
    text = json.dumps(header)[:-1] + f", {json.dumps(new)}: {raw}}}"
    return filed(text.encode(), data)


def other_metadata(rng):
    text, arrays, entries, data = sound_parts(rng)
    content = json.dumps({"tree": text, "sha256": digest(text, arrays)})
    odd = rng.choice([None, 3, [], "", "x", {"minigan": None}, {"minigan": 3}, {"minigan": {"tree": text}}, {},
                      {"minigan": content, "format": "pt"}, {"minigan": content, "format": 3}, {"format": "pt"},
                      {"minigan": content[:-1]}, {"minigan": f" {content} "}, {"minigan": "[" * 100_000}])  # fmt: skip
    return filed({"__metadata__": odd, **entries}, data)


def other_sum(rng):
    text, arrays, _, _ = sound_parts(rng)
    sha256 = digest(text, arrays)
    odd = rng.choice([sha256.upper(), sha256[:-1], "", None, 0, [sha256], {"sha256": sha256}, True, "0" * 64])
    return packed_text(text, arrays, **rng.choice([{"sha256": odd}, {"tree": odd}, {"tree": text + " "}, {"more": 1}]))


def other_json(rng):
    """A header that is no table of tables, or one of very many brackets, digits or words."""
    _, _, entries, data = sound_parts(rng)
    n = rng.choice([10, 1000, 100_000])
    nested = [b"[" * n + b"]" * n, b'{"a":' * n + b"1" + b"}" * n, b'{"a": ' + b"9" * n + b"}", b'{"a": "' + b"x" * n]
    flat = [json.dumps([1] * n).encode(), json.dumps({str(i): 1 for i in range(n // 10)}).encode(), b"\xff" * n]
    odd = [b"", b"null", b"3", b'"a"', b"[]", b"{}", b"{", b"\0" * 8, b"\xef\xbb\xbf{}", b"NaN", b"{'a': 1}", b"{} {}"]
    inside = jsoned_with(entries, rng.choice([*nested, *odd]))
    return filed(rng.choice([*nested, *flat, *odd, inside]), data)


def jsoned_with(entries, odd):
    return json.dumps(entries).encode()[:-1] + b', "odd": ' + odd + b"}"


def other_length(rng):
    """A header that is longer or shorter than it says, spaces around it, or too much or too little behind it."""
    text, arrays, entries, data = sound_parts(rng)
    header = {"__metadata__": {"minigan": json.dumps({"tree": text, "sha256": digest(text, arrays)})}, **entries}
    raw = json.dumps(header).encode()
    spaces = b" " * rng.choice([1, 7, 5000])
    return rng.choice([
        lambda: filed(raw, data, length=len(raw) + rng.choice([-1, 1, -8, 8])),
        lambda: filed(raw, data, length=edge(rng)),
        lambda: filed(raw + spaces, data),
        lambda: filed(spaces + raw, data),
        lambda: filed(raw, data + bytes(rng.choice([1, 8, 70_000]))),
        lambda: filed(raw, data[: -rng.choice([1, 8])]),
        lambda: filed(raw, b"")[: rng.randint(0, 20)],
    ])()  # fmt: skip


def other_order(rng):
    """The same arrays in other places of the file and of the header."""
    text, arrays, _, _ = sound_parts(rng)
    names = rng.sample(list(arrays), len(arrays))
    entries, data = laid_out({name: arrays[name] for name in names})
    entries = dict(rng.sample(list(entries.items()), len(entries)))
    content = json.dumps({"sha256": digest(text, arrays), "tree": text})
    parts = [("__metadata__", {"minigan": content}), *entries.items()]
    return filed(dict(rng.sample(parts, len(parts))), data)


HEADER_DAMAGE = (other_type, other_shape, other_place, other_names, other_metadata, other_sum, other_json, other_length,
                 other_order)  # fmt: skip


def other_headers(n, seed):
    rng = random.Random(seed)
    return distinct(n, lambda: rng.choice(HEADER_DAMAGE)(rng))
