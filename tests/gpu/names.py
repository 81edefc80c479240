"""Holds the array calls in a source file to what the installed CuPy has: names, keywords, argument counts.

Neither needs a GPU: CuPy is imported and looked at, and nothing of it is called.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

MODULES = {"xp", "cupy", "cp"}  # variables that hold the array module; so does the attribute self.xp

# What no signature tells, from CuPy's documentation and source (version 14).
UFUNC_KEYWORDS = {"out", "dtype", "casting"}
UFUNC_METHODS = {
    "reduce": {"add", "multiply"},
    "accumulate": {"add", "multiply"},
    "reduceat": {"add"},
    "at": {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"},
}
VARIABLE_KEYWORDS = {  # of functions whose signature ends in **kwargs
    "einsum": {"dtype", "optimize"},
    "meshgrid": {"indexing", "copy", "sparse"},
    "pad": {"constant_values", "end_values", "stat_length", "reflect_type"},
}

ARRAY_ATTRIBUTES = {name for name in dir(np.ndarray) if not name.startswith("_")}


def uses(source: str) -> set[str]:
    """Every array function that the source mentions, such as "add" and "linalg.norm"."""
    return {".".join(path) for node in ast.walk(ast.parse(source)) if (path := _module_path(node))}


def problems(source: str, cupy: Any) -> list[str]:
    """What the source asks of CuPy and CuPy does not have, one sentence each, in the order of its lines."""
    tree = ast.parse(source)
    not_arrays = MODULES | {"self", "super"} | _imported(tree)
    found = {
        (node.lineno, problem)
        for node in ast.walk(tree)
        if isinstance(node, ast.expr)
        for problem in (*_of_module(node, cupy), *_of_array(node, cupy, not_arrays))
    }
    return [f"line {line}: {problem}" for line, problem in sorted(found)]


# ---- functions of the module: self.xp.NAME(...), xp.sub.NAME(...) ----------------------------------------


def _of_module(node: ast.AST, cupy: Any) -> Iterator[str]:
    if path := _module_path(node):
        missing = _missing(path, cupy)
        if missing:
            yield f"CuPy has no {missing}"
    elif isinstance(node, ast.Call) and (path := _module_path(node.func)) and not _missing(path, cupy):
        yield from _of_call(node, path, cupy)


def _of_call(call: ast.Call, path: list[str], cupy: Any) -> Iterator[str]:
    function, name = _get(path, cupy), ".".join(path)
    owner = _get(path[:-1], cupy)
    if isinstance(owner, cupy.ufunc):
        if path[-2] not in UFUNC_METHODS.get(path[-1], set()):
            yield f"CuPy implements no {name}"
        yield from _misfit(call, name, _without_self(_signature(function)))
    elif isinstance(function, cupy.ufunc):
        yield from _ufunc_misfit(call, name, function)
    elif not isinstance(function, type):  # a type, such as float32, is NumPy's own
        yield from _misfit(call, name, _signature(function))


def _ufunc_misfit(call: ast.Call, name: str, ufunc: Any) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg not in UFUNC_KEYWORDS:
            yield f"{name} takes no {keyword.arg or '**'}="
    starred = any(isinstance(argument, ast.Starred) for argument in call.args)
    if not starred and not ufunc.nin <= len(call.args) <= ufunc.nin + ufunc.nout:
        yield f"{name} takes {ufunc.nin} arrays, not {len(call.args)}"


def _module_path(node: ast.AST) -> list[str]:
    """["linalg", "norm"] for self.xp.linalg.norm; [] for what does not begin with the array module."""
    path: list[str] = []
    while isinstance(node, ast.Attribute):
        if node.attr == "xp" and isinstance(node.value, ast.Name) and node.value.id == "self":
            return path
        path.insert(0, node.attr)
        node = node.value
    return path if isinstance(node, ast.Name) and node.id in MODULES else []


def _missing(path: list[str], cupy: Any) -> str:
    """The first part of the path that CuPy lacks, with all before it; "" if it has the whole path."""
    for length in range(1, len(path) + 1):
        owner = _get(path[: length - 1], cupy)
        if not hasattr(owner, path[length - 1]):
            return ".".join(path[:length])
    return ""


def _get(path: list[str], cupy: Any) -> Any:
    value = cupy
    for name in path:
        value = getattr(value, name)
    return value


# ---- methods and attributes of arrays: x.sum(axis=0), x.T ------------------------------------------------


def _of_array(node: ast.AST, cupy: Any, not_arrays: set[str]) -> Iterator[str]:
    """What x.NAME is, the source does not say: it counts as an array's if arrays have a NAME."""
    attribute = node.func if isinstance(node, ast.Call) else node
    if not isinstance(attribute, ast.Attribute) or attribute.attr not in ARRAY_ATTRIBUTES:
        return
    if _module_path(attribute) or _root(attribute) in not_arrays:
        return
    name = f"ndarray.{attribute.attr}"
    member = getattr(cupy.ndarray, attribute.attr, None)
    if member is None:
        yield f"CuPy has no {name}"
    elif isinstance(node, ast.Call) and callable(member):
        yield from _misfit(node, name, _without_self(_signature(member)))


def _root(node: ast.Attribute) -> str:
    """The variable x in x.NAME, the function f in f(...).NAME; "" for anything longer."""
    value = node.value.func if isinstance(node.value, ast.Call) else node.value
    return value.id if isinstance(value, ast.Name) else ""


def _imported(tree: ast.AST) -> set[str]:
    """The names that the import statements bind."""
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    aliases = [alias for statement in statements for alias in statement.names]
    return {(alias.asname or alias.name).partition(".")[0] for alias in aliases}


# ---- does a call fit a signature? ------------------------------------------------------------------------


def _misfit(call: ast.Call, name: str, signature: inspect.Signature | None) -> Iterator[str]:
    """Why the call does not fit, as far as one can say without running it."""
    keywords = [keyword.arg or "**" for keyword in call.keywords]
    if "**" in keywords:
        yield f"{name} is given **, which hides its keywords from this check"
    elif signature is None:
        if keywords:
            yield f"{name} shows no signature, so its keywords {keywords} cannot be checked"
    elif any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        allowed = VARIABLE_KEYWORDS.get(name, set()) | set(signature.parameters)
        yield from (f"{name} is not known to take {keyword}=" for keyword in keywords if keyword not in allowed)
    else:
        starred = any(isinstance(argument, ast.Starred) for argument in call.args)
        bind = signature.bind_partial if starred else signature.bind
        try:
            bind(*([] if starred else call.args), **dict.fromkeys(keywords))
        except TypeError as error:
            yield f"{name}: {error}"


def _signature(function: Any) -> inspect.Signature | None:
    """A function's signature; for one compiled by Cython, from the first line of its docstring."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        line = (inspect.getdoc(function) or "").partition("\n")[0]
    listed = re.match(r"[\w.]*\((.*)\)", line)
    return _parse(listed[1]) if listed else None


def _parse(parameters: str) -> inspect.Signature:
    """The signature "(self, int axis=-1, *, out=None)", in which C types may stand before the names."""
    without_types = re.sub(r"\b\w+ (?=\w+\b)", "", parameters)
    function = ast.parse(f"lambda {without_types}: None", mode="eval")
    return inspect.signature(eval(compile(function, "<docstring>", "eval")))


def _without_self(signature: inspect.Signature | None) -> inspect.Signature | None:
    if signature is None or "self" not in signature.parameters:  # as of a method that is bound already
        return signature
    return signature.replace(parameters=list(signature.parameters.values())[1:])
