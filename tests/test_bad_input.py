"""Bad input is refused by name: the operation or layer, what came, what was expected, what to do."""

import numpy as np
import pytest

import minigan as mg

F, nn = mg.nn.functional, mg.nn
X, IMAGE, SCALAR = mg.zeros(2, 3), mg.zeros(2, 3, 4, 4), mg.tensor(1.0)
LONG = mg.tensor([0, 2])
THREE = mg.zeros(3)
COMPLEX = np.ones(3, complex)


def in_place(index, value):
    x = mg.zeros(2, 3)
    x[index] = value


TENSORS = {
    "a list": (
        lambda: mg.add(X, [1.0]),
        mg.DTypeError,
        r"add: expected a tensor, an array or a number, but got builtins.list.*mg.tensor",
    ),
    "None": (lambda: mg.exp(None), mg.DTypeError, r"exp: expected a tensor.*got builtins.NoneType"),
    "text": (lambda: F.relu("x"), mg.DTypeError, r"relu: expected a tensor.*got builtins.str"),
    "complex": (
        lambda: X + COMPLEX,
        mg.DTypeError,
        r"add: expected numbers, but got data of type complex128",
    ),
    "objects": (lambda: mg.exp(np.array([None])), mg.DTypeError, r"exp: expected numbers, but got data of type object"),
    "pow": (lambda: X ** [2.0], mg.DTypeError, r"pow: expected a tensor, an array or a number, but got \[2.0\]"),
    "where": (lambda: mg.where(X > 0, None, None), mg.DTypeError, r"where: expected a tensor, .*got None"),
    "matmul": (lambda: X @ 2, mg.DTypeError, r"matmul: expected a tensor or an array of numbers, but got 2"),
    "linear": (lambda: F.linear(X, None), mg.DTypeError, r"linear: .*but got None.*mg.tensor"),
    "linear types": (
        lambda: F.linear(X, mg.zeros(4, 3).double()),
        mg.DTypeError,
        r"linear: expected all tensors to have one data type, but found float32 and float64.*x.to",
    ),
    "pad": (lambda: F.pad(3, (1, 1)), mg.DTypeError, r"pad: expected a tensor or an array of numbers, but got 3"),
    "gather": (lambda: mg.gather(X, 0, 1), mg.DTypeError, r"gather: expected a tensor .*got 1"),
    "one_hot": (lambda: F.one_hot([1, 2]), mg.DTypeError, r"one_hot: expected a tensor .*got \[1, 2\]"),
    "norm": (lambda: mg.norm([1.0]), mg.DTypeError, r"norm: expected a tensor .*got \[1.0\]"),
    "embedding": (lambda: F.embedding([0], X), mg.DTypeError, r"embedding: expected a tensor .*got \[0\]"),
    "convolution": (lambda: F.conv2d("x", IMAGE), mg.DTypeError, r"conv2d: expected a tensor .*got 'x'"),
    "pooling": (lambda: F.max_pool2d(None, 2), mg.DTypeError, r"max_pool2d: expected a tensor .*got None"),
    "interpolate": (lambda: F.interpolate(1.0, 2), mg.DTypeError, r"interpolate: expected a tensor .*got 1.0"),
    "pixel_shuffle": (lambda: F.pixel_shuffle(None, 2), mg.DTypeError, r"pixel_shuffle: expected a tensor .*None"),
    "batch_norm": (lambda: F.batch_norm(3, None, None), mg.DTypeError, r"batch_norm: expected a tensor .*got 3"),
    "statistics": (lambda: F.batch_norm(IMAGE, [0.0], [1.0]), mg.DTypeError, r"batch_norm: .*got \[0.0\]"),
    "one statistic": (
        lambda: F.batch_norm(IMAGE, THREE, None),
        mg.ArgumentError,
        r"batch_norm: expected both running_mean and running_var",
    ),
    "layer_norm": (lambda: F.layer_norm(X, (3,), [1.0]), mg.DTypeError, r"layer_norm: .*got \[1.0\]"),
    "mse_loss": (lambda: F.mse_loss(X, 0.0), mg.DTypeError, r"mse_loss: expected a tensor .*got 0.0"),
    "bce": (
        lambda: F.binary_cross_entropy_with_logits(X, [1.0]),
        mg.DTypeError,
        r"binary_cross_entropy_with_logits: .*\[1.0\]",
    ),
    "cross_entropy": (lambda: F.cross_entropy(X, [0, 1]), mg.DTypeError, r"cross_entropy: .*got \[0, 1\]"),
    "nll_loss": (
        lambda: F.nll_loss(X.to(mg.int64), LONG),
        mg.DTypeError,
        r"nll_loss: expected a floating point input, but got int64",
    ),
    "dropout": (lambda: F.dropout(LONG), mg.DTypeError, r"dropout: expected a floating point input, but got int64"),
    "cat": (lambda: mg.cat(None), mg.ArgumentError, r"cat: expected a sequence of tensors, but got .*NoneType"),
    "stack": (lambda: mg.stack(3), mg.ArgumentError, r"stack: expected a sequence of tensors, but got .*int"),
    "from_dlpack": (lambda: mg.from_dlpack(np.array(["a"])), mg.DTypeError, r"from_dlpack: .*U1 is not supported"),
    "total norm": (lambda: nn.utils.get_total_norm([None]), mg.DTypeError, r"get_total_norm: .*got None"),
    "initialised": (
        lambda: nn.init.normal_([0.0]),
        mg.DTypeError,
        r"normal_: expected a tensor to fill, but got .*list",
    ),
    "initialised ints": (
        lambda: nn.init.uniform_(mg.tensor([1])),
        mg.DTypeError,
        r"uniform_: expected a floating point tensor, but got int64",
    ),
}

DIMS = {
    "text": (lambda: X.sum("a"), mg.ArgumentError, r"sum: expected dim to be a whole number, but got 'a'"),
    "float": (lambda: X.mean(1.0), mg.ArgumentError, r"mean: expected dim to be a whole number, but got 1.0"),
    "truth": (lambda: X.amax(True), mg.ArgumentError, r"amax: expected dim to be a whole number, but got True"),
    "one of two": (lambda: X.norm(2, (0, None)), mg.ArgumentError, r"norm: expected dim .*got None"),
    "of softmax": (lambda: mg.softmax(X, None), mg.ArgumentError, r"softmax: expected dim .*got None"),
    "of log_softmax": (
        lambda: mg.log_softmax(X, (0, 1)),
        mg.ArgumentError,
        r"log_softmax: expected dim .*got \(0, 1\)",
    ),
    "flatten": (lambda: X.flatten(None), mg.ArgumentError, r"flatten: expected dim .*got None"),
    "transpose": (lambda: X.transpose(0, 2), mg.ShapeError, r"transpose: expected a dim from -2 to 1 .*got 2"),
    "permute": (lambda: X.permute("ab"), mg.ArgumentError, r"permute: expected dim .*got 'a'"),
    "unsqueeze": (lambda: X.unsqueeze(4), mg.ShapeError, r"unsqueeze: expected a dim from -3 to 2 .*got 4"),
    "cat": (lambda: mg.cat([X, X], 2), mg.ShapeError, r"cat: expected a dim from -2 to 1"),
    "cat of numbers": (lambda: mg.cat([SCALAR]), mg.ShapeError, r"cat: expected a tensor with at least 1 dimension"),
    "split of a number": (lambda: SCALAR.split(1), mg.ShapeError, r"split: expected a tensor with at least 1 dim"),
    "chunk of a number": (lambda: SCALAR.chunk(1), mg.ShapeError, r"chunk: expected a tensor with at least 1 dim"),
    "size": (lambda: SCALAR.size(0), mg.ShapeError, r"size: expected a tensor with at least 1 dimension"),
    "keepdim": (
        lambda: X.sum(0, "yes"),
        mg.ArgumentError,
        r"sum: expected x, dim, keepdim, .*float32 \(2, 3\).*keepdim='yes'",
    ),
    "correction": (
        lambda: X.var(0, correction="n"),
        mg.ArgumentError,
        r"var: expected correction to be a number, but got 'n'",
    ),
    "index": (
        lambda: in_place(5, 1.0),
        mg.IndexRangeError,
        r"x\[i\] = v: expected an index for the shape \(2, 3\), but index 5",
    ),
    "no index": (
        lambda: X["a"],
        mg.IndexRangeError,
        r"x\[i\]: expected an index that fits the shape \(2, 3\), but only integers",
    ),
}

SIZES = {
    "zeros": (
        lambda: mg.zeros(2, -1),
        mg.ShapeError,
        r"zeros: expected lengths of at least 0, but got the shape \(2, -1\)",
    ),
    "ones": (lambda: mg.ones(2.5), mg.ArgumentError, r"ones: expected each length to be a whole number, but got 2.5"),
    "randn": (lambda: mg.randn("2"), mg.ArgumentError, r"randn: expected each length .*got '2'"),
    "full": (
        lambda: mg.full((2,), (1.0, 2.0)),
        mg.ArgumentError,
        r"full: expected fill_value to be one number, but got \(1.0, 2.0\)",
    ),
    "huge": (lambda: mg.zeros(2**70), mg.ShapeError, r"zeros: cannot fill the shape \(1180591620717411303424,\)"),
    "type": (
        lambda: mg.zeros(2, dtype="abc"),
        mg.DTypeError,
        r"Expected a data type such as mg.float32, but got 'abc'",
    ),
    "complex": (lambda: mg.zeros(2, dtype=complex), mg.DTypeError, r"Expected numbers .*complex128"),
    "rand": (lambda: mg.rand(2, dtype=mg.int64), mg.DTypeError, r"rand: expected a floating point type, but got int64"),
    "arange": (lambda: mg.arange("3"), mg.ArgumentError, r"arange: expected numbers, but got start 0, end '3'"),
    "reshape": (
        lambda: X.reshape(3, -2),
        mg.ShapeError,
        r"reshape: expected lengths of at least -1, but got the shape \(3, -2\)",
    ),
    "reshape to half": (lambda: X.reshape(1.5, 4), mg.ArgumentError, r"reshape: expected each length .*got 1.5"),
    "expand": (lambda: X.expand(2, None), mg.ArgumentError, r"expand: expected each length .*got None"),
    "split": (
        lambda: X.split("1"),
        mg.ArgumentError,
        r"split: expected the part length to be a whole number, but got '1'",
    ),
    "sections": (lambda: X.split([1, 1.0]), mg.ArgumentError, r"split: expected each length .*got 1.0"),
    "chunk": (lambda: X.chunk(1.5), mg.ArgumentError, r"chunk: expected chunks to be a whole number, but got 1.5"),
    "pad": (lambda: F.pad(X, 1), mg.ArgumentError, r"pad: expected pairs of whole numbers, as in \(1, 1\), but got 1"),
    "pad by half": (lambda: F.pad(X, (0.5, 1)), mg.ArgumentError, r"pad: expected each number .*got 0.5"),
    "pad value": (
        lambda: F.pad(X, (1, 1), value="0"),
        mg.ArgumentError,
        r"pad: expected value to be a number, but got '0'",
    ),
    "stride": (
        lambda: F.max_pool2d(IMAGE, 2, 0),
        mg.ConfigError,
        r"max_pool2d: expected stride of at least 1, but got \(0, 0\)",
    ),
    "window": (
        lambda: F.avg_pool2d(IMAGE, 5),
        mg.ShapeError,
        r"avg_pool2d: expected an input large enough for a window of \(5, 5\)",
    ),
    "true window": (
        lambda: F.avg_pool2d(IMAGE, True),
        mg.ConfigError,
        r"avg_pool2d: expected kernel_size as a whole number",
    ),
    "divisor": (
        lambda: F.avg_pool2d(IMAGE, 2, divisor_override="2"),
        mg.ArgumentError,
        r"avg_pool2d: expected divisor_override .*'2'",
    ),
    "groups": (
        lambda: nn.Conv2d(3, 3, 2, groups=0),
        mg.ConfigError,
        r"Conv2d: expected groups of at least 1, but got 0",
    ),
    "true groups": (
        lambda: F.conv2d(IMAGE, mg.zeros(3, 3, 1, 1), groups=True),
        mg.ConfigError,
        r"conv2d: expected groups .*got True",
    ),
    "features": (
        lambda: nn.Linear(True, 2),
        mg.DTypeError,
        r"Linear: expected in_features to be a whole number, but got True",
    ),
    "unflattened": (lambda: nn.Unflatten(1, ("a",)), mg.ArgumentError, r"Unflatten: expected each length .*'a'"),
    "size": (
        lambda: F.interpolate(IMAGE, 1.5),
        mg.ArgumentError,
        r"interpolate: expected size to be a whole number, but got 1.5",
    ),
    "factor": (
        lambda: F.interpolate(IMAGE, scale_factor=float("nan")),
        mg.ConfigError,
        r"interpolate: expected a finite scale_factor, but got nan",
    ),
    "value": (
        lambda: in_place(0, [1.0, 2.0]),
        mg.ShapeError,
        r"x\[i\] = v: cannot take the value into the shape \(2, 3\)",
    ),
    "no value": (lambda: in_place(0, None), mg.DTypeError, r"Expected numbers .*object"),
}

SETTINGS = {
    "p": (lambda: F.dropout(X, "half"), mg.ArgumentError, r"dropout: expected p to be a number, but got 'half'"),
    "p above 1": (
        lambda: nn.Dropout(1.5),
        mg.ConfigError,
        r"Dropout: expected a probability p from 0 to 1, but got 1.5",
    ),
    "slope": (
        lambda: F.leaky_relu(X, None),
        mg.ArgumentError,
        r"leaky_relu: expected negative_slope to be a number, but got None",
    ),
    "beta": (
        lambda: F.softplus(X, [1.0]),
        mg.ArgumentError,
        r"softplus: expected beta to be a number, but got \[1.0\]",
    ),
    "eps": (
        lambda: F.batch_norm(X, None, None, training=True, eps=-1.0),
        mg.ConfigError,
        r"batch_norm: expected eps of at least 0, but got -1.0",
    ),
    "eps of a layer": (
        lambda: nn.LayerNorm(3, eps="small"),
        mg.ArgumentError,
        r"LayerNorm: expected eps to be a number, but got 'small'",
    ),
    "momentum": (
        lambda: nn.BatchNorm2d(3, momentum="0.1"),
        mg.ArgumentError,
        r"BatchNorm2d: expected momentum to be a number, but got '0.1'",
    ),
    "ignore_index": (
        lambda: F.nll_loss(X, LONG, ignore_index=1.5),
        mg.ArgumentError,
        r"nll_loss: expected ignore_index .*got 1.5",
    ),
    "nan probability": (
        lambda: F.binary_cross_entropy(X + np.nan, X),
        mg.RangeError,
        r"binary_cross_entropy: expected probabilities in \[0, 1\], .*from nan to nan",
    ),
    "padding_idx": (
        lambda: nn.Embedding(4, 3, padding_idx="0"),
        mg.ArgumentError,
        r"Embedding: expected padding_idx .*got '0'",
    ),
    "bound": (lambda: nn.init.uniform_(X, "a"), mg.ArgumentError, r"uniform_: expected a to be a number, but got 'a'"),
    "gain": (lambda: nn.init.orthogonal_(X, gain=None), mg.ArgumentError, r"orthogonal_: expected gain .*got None"),
    "rounds": (
        lambda: nn.utils.spectral_norm(nn.Linear(3, 2), n_power_iterations=1.5),
        mg.ArgumentError,
        r"spectral_norm: expected n_power_iterations .*got 1.5",
    ),
    "no module": (
        lambda: nn.utils.remove_spectral_norm(None),
        mg.DTypeError,
        r"remove_spectral_norm: expected a module, but got .*NoneType",
    ),
    "mode": (
        lambda: nn.Linear(3, 2).train("yes"),
        mg.ArgumentError,
        r"Linear.train: expected True or False, but got 'yes'",
    ),
    "buffer": (
        lambda: nn.Module().register_buffer(3, X),
        mg.ArgumentError,
        r"Module: expected the name of a buffer, but got 3",
    ),
    "layer": (
        lambda: nn.Sequential(nn.Tanh())[1],
        mg.IndexRangeError,
        r"Sequential: expected an index below its length of 1, but got 1",
    ),
    "labels": (
        lambda: nn.ConditionalBatchNorm2d(3, 5)(None, LONG),
        mg.DTypeError,
        r"ConditionalBatchNorm2d.* expected the input .*NoneType",
    ),
}


def cases(table):
    return pytest.mark.parametrize(("call", "error", "words"), table.values(), ids=table.keys())


def refused(call, error, words):
    with pytest.raises(error, match=f"^{words}") as found:
        call()
    assert str(found.value).endswith(".")


@cases(TENSORS)
def test_what_is_no_tensor_for_the_operation_is_named(call, error, words):
    refused(call, error, words)


@cases(DIMS)
def test_a_dimension_or_an_index_that_is_not_there_is_named(call, error, words):
    refused(call, error, words)


@cases(SIZES)
def test_a_size_that_makes_no_sense_is_named(call, error, words):
    refused(call, error, words)


@cases(SETTINGS)
def test_a_setting_that_makes_no_sense_is_named(call, error, words):
    refused(call, error, words)
