"""What an operation cannot do is refused by name: what came, what was expected, what to do."""

import numpy as np
import pytest

import minigan as mg

F = mg.nn.functional
X = mg.zeros(2, 3)
LONG = mg.tensor([[0, 1]])

CASES = {
    "reduced number": (lambda: mg.sum(3), mg.DTypeError, r"sum: expected a tensor or an array, but got 3"),
    "list": (lambda: mg.flatten([1.0]), mg.DTypeError, r"flatten: .*\[1.0\]. Convert it with mg.tensor"),
    "max of a number": (lambda: mg.max(2.0), mg.DTypeError, r"max: .*2.0"),
    "dim": (lambda: X.sum(2), mg.ShapeError, r"sum: expected a dim from -2 to 1 for a tensor with 2 dim.*but got 2"),
    "dim twice": (lambda: X.amax((0, -2)), mg.ShapeError, r"amax: expected each dim once"),
    "amax of nothing": (lambda: mg.zeros(0, 3).amax(0), mg.ShapeError, r"amax: .*\(0, 3\)"),
    "argmax of nothing": (lambda: mg.zeros(0).argmax(), mg.ShapeError, r"argmax: .*\(0,\)"),
    "mean of integers": (lambda: LONG.mean(), mg.DTypeError, r"mean: .*int64. Convert it with x.float\(\)"),
    "std of integers": (lambda: LONG.std(), mg.DTypeError, r"var: .*int64"),
    "norm of integers": (lambda: LONG.norm(), mg.DTypeError, r"norm: .*int64"),
    "norm": (lambda: X.norm("nuc"), mg.ConfigError, r"norm: expected p to be a number or .fro., but got 'nuc'"),
    "norm of nothing": (lambda: mg.zeros(2, 0).norm(-1, 1), mg.ShapeError, r"norm: .*p=-1.*\(2, 0\) along dim \(1,\)"),
    "softmax": (lambda: X.softmax(5), mg.ShapeError, r"softmax: .*-2 to 1.*5"),
    "negative truth": (lambda: -(X > 0), mg.DTypeError, r"neg: expected numbers, but got bool"),
    "difference of truths": (lambda: (X > 0) - (X > 0), mg.DTypeError, r"sub: expected numbers, but got bool"),
    "condition": (lambda: mg.where(X, X, X), mg.DTypeError, r"where: expected a condition of bool, but got float32"),
    "no bounds": (lambda: X.clamp(), mg.ConfigError, r"clamp: expected min, max or both"),
    "power": (lambda: mg.tensor([2]) ** -1, mg.RangeError, r"pow: integers have no integer power -1.*x.float\(\)"),
    "matmul": (lambda: X @ X, mg.ShapeError, r"matmul: expected the last length .*\(2, 3\) and \(2, 3\)"),
    "matmul 0-d": (lambda: X @ mg.tensor(1.0), mg.ShapeError, r"matmul: .*\(2, 3\) and \(\)"),
    "bmm": (lambda: mg.bmm(X, X), mg.ShapeError, r"bmm: expected shapes \(B, n, k\) and \(B, k, m\), but got \(2, 3\)"),
    "bmm broadcast": (lambda: mg.bmm(mg.zeros(1, 2, 3), mg.zeros(2, 3, 1)), mg.ShapeError, r"bmm: .*\(2, 3, 1\)"),
    "linear": (lambda: F.linear(X, mg.zeros(4, 2)), mg.ShapeError, r"linear: .*\(2, 3\) and \(4, 2\)"),
    "bias": (lambda: F.linear(X, mg.zeros(4, 3), mg.zeros(3)), mg.ShapeError, r"linear: .*\(3,\)"),
    "cat": (lambda: mg.cat([X, None]), mg.DTypeError, r"cat: .*None"),
    "cat of nothing": (lambda: mg.cat([]), mg.ShapeError, r"cat: expected at least one tensor"),
    "stack": (lambda: mg.stack([X, mg.zeros(3)]), mg.ShapeError, r"cat: .*\(1, 2, 3\), \(1, 3\)"),
    "split": (lambda: X.split(0), mg.ShapeError, r"split: expected a part length of at least 1, but got 0"),
    "split sections": (lambda: X.split([-1, 3]), mg.ShapeError, r"split: .*add up to 2 \(dim 0\), but got \[-1, 3\]"),
    "chunk": (lambda: X.chunk(0), mg.ShapeError, r"chunk: expected at least 1 chunk"),
    "flip": (lambda: X.flip(0, 0), mg.ShapeError, r"flip: expected each dim once"),
    "permute": (lambda: X.permute(0), mg.ShapeError, r"permute: expected all 2 dimensions of a tensor \(2, 3\)"),
    "reshape": (lambda: X.reshape(4, -1), mg.ShapeError, r"reshape: .*\(2, 3\)"),
    "expand": (lambda: X.expand(4, 3), mg.ShapeError, r"expand: .*\(2, 3\)"),
    "pad in pairs": (lambda: F.pad(X, (1,)), mg.ShapeError, r"pad: expected at most 2 pairs .*\(1,\)"),
    "pad away": (lambda: F.pad(X, (-2, -2)), mg.ShapeError, r"pad: expected to take away no more .*\(2, 3\)"),
    "reflect": (lambda: F.pad(X, (3, 0), "reflect"), mg.ShapeError, r"pad: expected at most 2 values .*'reflect'.*3"),
    "circular": (lambda: F.pad(X, (4, 0), "circular"), mg.ShapeError, r"pad: expected at most 3 values"),
    "replicate": (lambda: F.pad(X[:, :0], (1, 0), "replicate"), mg.ShapeError, r"pad: expected at most 0 values"),
    "pad mode": (lambda: F.pad(X, (1, 1), "mirror"), mg.ConfigError, r"pad: expected mode .constant.*'mirror'"),
    "pad value": (lambda: F.pad(X, (1, 1), "reflect", 1.0), mg.ConfigError, r"pad: .*'reflect' and value 1.0"),
    "gather type": (lambda: X.gather(0, X), mg.DTypeError, r"gather: expected whole numbers .* but got float32"),
    "gather below": (lambda: X.gather(1, -LONG), mg.IndexRangeError, r"gather: .*from 0 to 2, but got -1"),
    "gather above": (lambda: X.gather(1, LONG + 2), mg.IndexRangeError, r"gather: .*from 0 to 2, but got 3"),
    "gather shape": (lambda: X.gather(0, LONG[0]), mg.ShapeError, r"gather: .*input \(2, 3\) .*but got \(2,\)"),
    "gather long": (lambda: X.gather(1, mg.zeros(3, 1).to(mg.int64)), mg.ShapeError, r"gather: .*\(3, 1\)"),
    "one_hot": (lambda: F.one_hot(LONG, 1), mg.IndexRangeError, r"one_hot: expected indices from 0 to 0, but got 1"),
    "one_hot below": (lambda: F.one_hot(-LONG), mg.IndexRangeError, r"one_hot: .*but got -1"),
    "one_hot type": (lambda: F.one_hot(X), mg.DTypeError, r"one_hot: expected whole numbers .* but got float32"),
    "one_hot of nothing": (lambda: F.one_hot(LONG[:0]), mg.ShapeError, r"one_hot: .*Pass num_classes"),
    "index": (lambda: X[2], mg.IndexRangeError, r"x\[i\]: expected an index that fits the shape \(2, 3\), but index 2"),
    "indices": (lambda: X[[0, 5]], mg.IndexRangeError, r"x\[i\]: .*index 5"),
    "too many": (lambda: X[0, 0, 0], mg.IndexRangeError, r"x\[i\]: .*too many indices"),
    "mask": (lambda: X[np.array([True, False, True])], mg.IndexRangeError, r"x\[i\]: .*boolean"),
    "float index": (lambda: X[1.5], mg.IndexRangeError, r"x\[i\]: .*only integers"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_error_says_what_came_and_what_was_expected(name):
    call, error, words = CASES[name]
    with pytest.raises(error, match=words):
        call()


def test_an_index_out_of_range_is_an_index_error_as_lists_have_it():
    with pytest.raises(IndexError):
        X[7]
    with pytest.raises(ValueError, match="index 7"):
        X[7]
