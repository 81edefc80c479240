"""The judges: they know digits, they are the files they should be, and their training can be repeated."""

import hashlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pages
import pytest

import minigan as mg
from minigan.data import Loader, load_mnist
from minigan.errors import ConfigError, DataError, DTypeError, MiniganError, RangeError, ShapeError
from minigan.metrics import judge as module
from minigan.metrics import load_judge, read_judge
from minigan.metrics.hashes import short
from minigan.metrics.judge import FOLDER, SHA256, DigitNet
from minigan.metrics.train_judge import fit, main, shifted

JUDGES = ["selection", "report"]
PAGE = pages.read("docs/judge.md")


def pixels(images):
    """Bytes (N, 28, 28) as a judge takes them, computed in float64."""
    return (images[:, None] / 127.5 - 1).astype(np.float32)


@pytest.fixture(scope="module")
def real():
    """The first thousand test images and their labels."""
    images, labels = load_mnist("test")
    return pixels(images[:1000]), labels[:1000]


@pytest.fixture(scope="module", params=JUDGES)
def judge(request):
    return load_judge(request.param)


# ---- what the judges know --------------------------------------------------------------------------------


def test_real_digits_are_named_rightly_and_with_confidence(judge, real):
    p = judge.probabilities(real[0])
    assert (p.argmax(1) == real[1]).mean() >= 0.99
    assert p.max(1).mean() > 0.98


@pytest.mark.slow
def test_each_judge_names_992_of_1000_test_images_and_its_file_says_how_many(judge):
    images, labels = load_mnist("test")
    p = judge.probabilities(pixels(images))
    accuracy = (p.argmax(1) == labels).mean()
    assert accuracy >= 0.992
    assert judge.accuracy == pytest.approx(accuracy, abs=2e-4)  # another BLAS may decide a tie another way
    assert p.max(1).mean() > 0.98


@pytest.mark.slow
def test_confidence_is_calibrated_to_half_a_percent(judge):
    """The mean highest probability is how often the judge is right."""
    images, labels = load_mnist("test")
    p = judge.probabilities(pixels(images))
    assert p.max(1).mean() == pytest.approx((p.argmax(1) == labels).mean(), abs=0.005)


@pytest.mark.slow
def test_the_page_tells_what_the_judges_say_of_real_images_and_of_noise(judge):
    name = next(name for name, sha256 in SHA256.items() if sha256 == judge.sha256)
    row = re.search(rf"\| `{name}` \|(.*)\|", PAGE)[1]
    *told, sha256 = (cell.strip(" `%") for cell in row.split("|"))
    images, labels = load_mnist("test")
    real = judge.probabilities(pixels(images))
    right = -np.log(real[np.arange(10_000), labels].astype(np.float64))
    noise = judge.probabilities((2 * mg.rand(10_000, 1, 28, 28) - 1).numpy())
    assert set(noise.argmax(1)) == {8}
    figures = [100 * (real.argmax(1) == labels).mean(), real.max(1).mean(), right.mean(), noise.max(1).mean()]
    assert figures == pytest.approx([float(figure) for figure in told], abs=0.005, rel=0.005)
    assert sha256 == short(judge.sha256)


def test_the_program_of_the_page_prints_what_it_says():
    ((program, shown),) = pages.programs(PAGE)
    assert pages.difference(shown, pages.run(program, {})) == ""
    assert shown


def test_the_two_judges_are_different_networks_that_mostly_agree(real):
    one, other = (load_judge(name) for name in JUDGES)
    assert one.sha256 != other.sha256
    first = zip(one.network.state_dict().items(), other.network.state_dict().values(), strict=True)
    assert all((a != b).any() for (name, a), b in first if name.endswith("weight"))
    p, q = one.probabilities(real[0]), other.probabilities(real[0])
    assert (p != q).any()
    assert (p.argmax(1) == q.argmax(1)).mean() > 0.98


# ---- what they return ------------------------------------------------------------------------------------


def test_probabilities_are_the_softmax_of_the_logits(judge, real):
    p, z = judge.probabilities(real[0][:50]), judge.logits(real[0][:50]).astype(np.float64)
    assert p.shape == (50, 10)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p, np.exp(z) / np.exp(z).sum(1, keepdims=True), atol=1e-6)


def test_logits_are_the_last_layer_of_the_features(judge, real):
    features, head = judge.features(real[0][:50]), judge.network.head
    assert features.shape == (50, 64)
    assert features.dtype == np.float32
    assert (features >= 0).all()
    z = features @ head.weight.numpy().T + head.bias.numpy()
    np.testing.assert_allclose(judge.logits(real[0][:50]), z, atol=1e-4)


def test_no_feature_is_dead(judge, real):
    assert (judge.features(real[0]).std(0) > 0).all()


def test_an_image_is_judged_alone_whatever_stands_beside_it(judge, real):
    together, alone = judge.logits(real[0][:600]), judge.logits(real[0][555:556])
    np.testing.assert_allclose(together[555:556], alone, atol=1e-4)


def test_tensors_are_judged_as_arrays_are_and_leave_no_graph(judge, real):
    x = mg.tensor(real[0][:3], requires_grad=True)
    assert (judge.logits(x) == judge.logits(real[0][:3])).all()
    assert x.grad is None
    assert not judge.network.training
    assert not any(parameter.requires_grad for parameter in judge.network.parameters())


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (np.zeros((2, 28, 28), np.float32), ShapeError),
        (np.zeros((2, 3, 28, 28), np.float32), ShapeError),
        (np.zeros((2, 1, 32, 32), np.float32), ShapeError),
        (np.zeros((0, 1, 28, 28), np.float32), ShapeError),
        (np.zeros((2, 1, 28, 28), np.uint8), DTypeError),
        (np.zeros((2, 1, 28, 28)), DTypeError),
        (np.full((2, 1, 28, 28), 255, np.float32), RangeError),
        (np.full((2, 1, 28, 28), -1.001, np.float32), RangeError),
        (np.full((2, 1, 28, 28), np.nan, np.float32), RangeError),
        ("seven.png", DTypeError),
    ],
)
@pytest.mark.parametrize("method", ["probabilities", "logits", "features"])
def test_what_is_no_batch_of_digits_is_refused_with_what_was_expected(method, images, error):
    with pytest.raises(error, match="expected"):
        getattr(load_judge(), method)(images)


def test_one_nan_among_good_pixels_is_found():
    images = np.zeros((600, 1, 28, 28), np.float32)
    images[577, 0, 3, 4] = np.nan
    with pytest.raises(RangeError):
        load_judge().logits(images)


# ---- the files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", JUDGES)
def test_the_file_has_its_hash_and_at_most_500_kilobytes(name):
    content = (FOLDER / f"{name}.safetensors").read_bytes()
    assert len(content) <= 500_000
    assert hashlib.sha256(content).hexdigest() == SHA256[name] == load_judge(name).sha256


def test_no_other_judge_lies_in_the_package():
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{name}.safetensors" for name in SHA256)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="selection, report"):
        load_judge("best")


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A copy of the judges' folder, to damage."""
    copy = tmp_path / "judges"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setattr(module, "FOLDER", copy)
    return copy


@pytest.mark.parametrize("place", [0, 3, 100, 2_000, 200_000, -1])
def test_a_file_with_one_flipped_bit_is_refused_by_its_hash(own_folder, place):
    path = own_folder / "report.safetensors"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="SHA-256"):
        load_judge("report")
    with pytest.raises(MiniganError):
        read_judge(path)


def test_a_truncated_or_a_missing_file_is_refused(own_folder):
    path = own_folder / "report.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="SHA-256"):
        load_judge("report")
    path.unlink()
    with pytest.raises(DataError, match="No such file"):
        load_judge("report")


def test_one_judge_cannot_take_the_place_of_the_other(own_folder):
    shutil.copy(own_folder / "selection.safetensors", own_folder / "report.safetensors")
    with pytest.raises(DataError, match="SHA-256"):
        load_judge("report")


@pytest.mark.parametrize(
    "content",
    [{}, {"network": {}}, {"network": 3, "accuracy": 1.0}, {"network": DigitNet().state_dict(), "accuracy": "high"}],
    ids=["nothing", "no weights", "a number", "no accuracy"],
)
def test_a_whole_file_that_holds_something_else_is_no_judge(tmp_path, content):
    mg.save(content, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match="holds no judge"):
        read_judge(tmp_path / "x.safetensors")


def test_weights_that_are_no_numbers_are_no_judge(tmp_path):
    network = DigitNet()
    network.head.bias.data[3] = np.nan
    mg.save({"network": network.state_dict(), "accuracy": 0.9}, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match="has weights that are NaN or infinite; train it anew"):
        read_judge(tmp_path / "x.safetensors")


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(DataError, match=r"Cannot read the judge 'a\\x00b'"):
        read_judge("a\0b")


# ---- PyTorch ---------------------------------------------------------------------------------------------


@pytest.mark.torch
def test_pytorch_gives_the_same_logits_from_the_same_weights(torch, judge, real):
    nn = torch.nn
    twin = nn.Module()
    twin.body = nn.Sequential(
        nn.Conv2d(1, 32, 5, stride=2, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.Conv2d(64, 48, 4, stride=2, bias=False), nn.BatchNorm2d(48), nn.ReLU(),
        nn.Flatten(), nn.Linear(768, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(),
    )  # fmt: skip
    twin.head = nn.Linear(64, 10)
    twin.load_state_dict({name: torch.tensor(value) for name, value in judge.network.state_dict().items()})
    twin.eval()
    noise = (2 * mg.rand(200, 1, 28, 28) - 1).numpy()
    with torch.no_grad():
        for images in (real[0][:200], noise):
            features = twin.body(torch.from_numpy(images))
            np.testing.assert_allclose(judge.features(images), features.numpy(), atol=1e-4)
            np.testing.assert_allclose(judge.logits(images), twin.head(features).numpy(), atol=1e-4)


# ---- training --------------------------------------------------------------------------------------------


def trained(seed, epochs):
    """A network after some epochs on 256 images, and the losses."""
    images, labels = load_mnist()
    mg.manual_seed(seed)
    network = DigitNet()
    return network, list(fit(network, Loader(images[:256], labels[:256], 32, seed), epochs))


def test_a_short_training_lowers_the_loss_and_is_repeated_bit_for_bit():
    (one, losses), (other, losses_again) = trained(3, epochs=8), trained(3, epochs=8)
    assert losses[-1] < 0.5 * losses[0]
    assert losses == losses_again
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_another_seed_gives_another_network():
    (one, losses), (other, other_losses) = trained(3, epochs=1), trained(4, epochs=1)
    assert losses != other_losses
    assert (one.state_dict()["head.weight"] != other.state_dict()["head.weight"]).any()


def test_an_image_is_shifted_by_at_most_two_pixels_each_way_and_by_each_distance():
    images = np.full((2000, 1, 28, 28), -1, np.float32)
    images[:, 0, 10, 13] = 1
    n, _, row, column = np.nonzero(shifted(images) == 1)
    assert (n == np.arange(2000)).all()
    counts = np.unique(np.stack([row - 10, column - 13]), axis=1, return_counts=True)[1]
    assert len(counts) == 25
    assert np.abs(counts - 80).max() < 5 * np.sqrt(80)
    assert set(row - 10) == set(column - 13) == {-2, -1, 0, 1, 2}


def test_what_a_shift_moves_in_is_background():
    white = shifted(np.ones((200, 1, 28, 28), np.float32))
    assert set(np.unique(white)) == {-1.0, 1.0}
    assert (white[:, :, 2:-2, 2:-2] == 1).all()


def test_the_training_program_writes_a_judge_that_can_be_read(tmp_path, monkeypatch, capsys):
    images, labels = load_mnist()
    train = "minigan.metrics.train_judge"
    monkeypatch.setattr(f"{train}.load_mnist", lambda split="train": (images[:256], labels[:256]))
    main(["--seed", "5", "--out", str(tmp_path / "j.safetensors")])
    printed = capsys.readouterr().out
    judge = read_judge(tmp_path / "j.safetensors")
    assert judge.sha256 in printed
    assert f"test accuracy {judge.accuracy:.2%}" in printed
    assert printed.count("epoch ") == 8
    assert [path.name for path in tmp_path.iterdir()] == ["j.safetensors"]


def test_a_place_that_cannot_be_written_is_refused_before_the_training(tmp_path):
    for out in (tmp_path, tmp_path / "missing" / "j.safetensors"):
        command = [sys.executable, "-m", "minigan.metrics.train_judge", "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert done.stdout == ""
        assert re.fullmatch(r"train_judge: Cannot write .*\n", done.stderr)


def test_an_interrupted_training_says_so_and_leaves_nothing(tmp_path):
    import signal

    command = [sys.executable, "-m", "minigan.metrics.train_judge", "--out", str(tmp_path / "j.safetensors")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "parameters" in process.stdout.readline()  # the training has begun
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert told == "train_judge: interrupted; nothing was written.\n"
    assert not list(tmp_path.iterdir())
