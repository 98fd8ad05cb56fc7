"""Images of one's own: what is taken is what was given, in [-1, 1]; all else is refused in a line with the remedy."""

import gzip
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset, TensorDataset

import meanbits as mb
from meanbits.cli import main
from meanbits.experiments.data import DataError, load
from meanbits.experiments.images.given import of_object
from meanbits.experiments.images.labelled import Dataset
from meanbits.experiments.sweep.trainings import check_data, training_grid

RNG = np.random.default_rng(5)
BYTES = RNG.integers(0, 256, (40, 3, 3), dtype=np.uint8)
LABELS = np.arange(40) % 2
UNIT = BYTES / np.float32(255)
TINY = ["--width", "8", "--depth", "1", "--epochs", "1", "--samples", "1", "--sigma-m2", "0.8", "--sigma-b2", "0.01"]


def pixels(dataset: Dataset) -> np.ndarray:
    """All images, in the order given: every fifth of each class is in the test set."""
    images = np.empty((len(dataset.train_images) + len(dataset.test_images), dataset.train_images.shape[1]))
    labels = np.concatenate((dataset.train_labels, dataset.test_labels))
    for label in range(dataset.classes):
        tests = np.arange(np.sum(labels == label)) % 5 == 4
        places = np.flatnonzero(label == LABELS)
        images[places[~tests]] = dataset.train_images[dataset.train_labels == label]
        images[places[tests]] = dataset.test_images[dataset.test_labels == label]
    return images


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        pytest.param(BYTES, BYTES / 127.5 - 1, id="bytes"),
        pytest.param(UNIT, BYTES / 127.5 - 1, id="[0, 1]"),
        pytest.param(2 * UNIT - 1, BYTES / 127.5 - 1, id="[-1, 1]"),
        pytest.param(BYTES > 127, np.where(BYTES > 127, 1, -1), id="bool"),
    ],
)
def test_images_are_those_given_in_the_range_of_means(images: np.ndarray, expected: np.ndarray) -> None:
    dataset = of_object((images, LABELS))
    np.testing.assert_allclose(pixels(dataset), expected.reshape(40, -1), rtol=0, atol=1e-6)
    assert (dataset.classes, len(dataset.test_labels)) == (2, 8)
    assert dataset.notes[1].endswith("every 5th image of each class, 8 of 40, is kept for testing")


def test_one_scaling_serves_both_sets() -> None:
    """Test images that happen to be positive are not stretched where training images are not."""
    dataset = of_object((2 * UNIT - 1, LABELS, UNIT[:4], LABELS[:4]))
    np.testing.assert_allclose(dataset.test_images, UNIT[:4].reshape(4, -1), atol=1e-6)


class Items(TorchDataset):
    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter([(torch.tensor(image), int(label)) for image, label in zip(UNIT, LABELS, strict=True)])


def npz(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "own.npz", **arrays)
    return str(folder / "own.npz")


def idx(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


def idx_folder(folder: Path, **changed: bytes) -> str:
    files = {"train-images-idx3-ubyte": idx(BYTES), "train-labels-idx1-ubyte.gz": gzip.compress(idx(LABELS)),
             "t10k-images-idx3-ubyte": idx(BYTES[:6]), "t10k-labels-idx1-ubyte": idx(LABELS[:6])}  # fmt: skip
    for name, content in (files | changed).items():
        (folder / name).write_bytes(content)
    return str(folder)


def cifar_folder(folder: Path, protocol: int, last: bytes | None = None) -> str:
    images = RNG.integers(0, 256, (10, 3072), dtype=np.uint8)
    for name in [*(f"data_batch_{part}" for part in range(1, 6)), "test_batch"]:
        batch = {b"data": images, b"labels": list(range(10)), b"batch_label": b"one"}
        (folder / name).write_bytes(pickle.dumps(batch, protocol))
    if last is not None:
        (folder / "test_batch").write_bytes(last)
    return str(folder)


SOURCE = """
import numpy, torch
x, y = numpy.arange(360, dtype=numpy.uint8).reshape(40, 9), numpy.arange(40) % 2
plain = x, y
named = {"x": x, "y": y}
def made(): return torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
def both(): return made(), made()
def fails(): raise OSError("no such file")
number = 3
"""


def test_every_way_to_give_the_same_images(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SOURCE)
    items = [(torch.tensor(image), torch.tensor(label)) for image, label in zip(UNIT, LABELS, strict=True)]
    ways = [
        load(npz(tmp_path, x=BYTES, y=LABELS)),
        load(npz(tmp_path, x_train=BYTES, y_train=LABELS.astype(np.uint8))),
        of_object({"x": list(BYTES), "y": list(LABELS)}),
        of_object(TensorDataset(torch.tensor(UNIT), torch.tensor(LABELS))),
        of_object(Items(items)),
        of_object(Stream()),
    ]
    for dataset in ways:
        np.testing.assert_allclose(pixels(dataset), BYTES.reshape(40, -1) / 127.5 - 1, rtol=0, atol=1e-6)
    for name in ("plain", "named", "made", "both"):
        assert load(f"{tmp_path / 'own.py'}:{name}").train_images.shape == (40 if name == "both" else 32, 9)


def test_folders_of_idx_files(tmp_path: Path) -> None:
    dataset = load(idx_folder(tmp_path))
    np.testing.assert_allclose(dataset.train_images, BYTES.reshape(40, -1) / 127.5 - 1, rtol=0, atol=1e-12)
    assert dataset.test_labels.tolist() == LABELS[:6].tolist()


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_batches_of_cifar(protocol: int, tmp_path: Path) -> None:
    dataset = load(cifar_folder(tmp_path, protocol))
    assert (dataset.train_images.shape, dataset.test_images.shape, dataset.classes) == ((50, 3072), (10, 3072), 10)


def test_batches_of_cifar_100_have_fine_labels(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (200, 3072), dtype=np.uint8)
    for name in ("train", "test", "meta"):
        held = {b"data": images, b"fine_labels": list(range(100)) * 2, b"coarse_labels": [0] * 200}
        (tmp_path / name).write_bytes(pickle.dumps(held, 2))
    dataset = load(str(tmp_path))
    assert (dataset.classes, dataset.shape, dataset.train_labels[101]) == (100, (3, 32, 32), 1)
    np.testing.assert_allclose(dataset.test_images, images / 127.5 - 1)
    (tmp_path / "test").write_bytes(pickle.dumps({b"data": images, b"labels": [0] * 200}, 2))
    with pytest.raises(DataError, match="holds no fine_labels of CIFAR-100"):
        load(str(tmp_path))
    (tmp_path / "test").unlink()
    with pytest.raises(DataError, match="lacks test of CIFAR-100; unpack"):
        load(str(tmp_path))


class Evil:
    def __init__(self, *called: Any) -> None:
        self.called = called

    def __reduce__(self) -> Any:
        return self.called


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_runs_nothing(protocol: int, tmp_path: Path) -> None:
    target = tmp_path / "written"
    for evil in (Evil(Path.touch, (target,)), Evil(eval, ("1 + 1",)), Evil(getattr, (Path, "touch"))):
        folder = cifar_folder(tmp_path, protocol, pickle.dumps({b"data": evil, b"labels": []}, protocol))
        with pytest.raises(DataError, match=r"test_batch is not read \(it asks for .*\): only arrays"):
            load(folder)
    assert not target.exists()


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "labels from 1": (lambda _: (BYTES, LABELS + 1), "labels reach from 1 to 2, and no training image has label 0"),
    "label gap": (lambda _: (BYTES, LABELS * 3), "no training image has label 1, 2; renumber them 0 to 1"),
    "label far away": (lambda _: (BYTES, LABELS * 10**12), r"no training image has label 1, 2, 3, 4, 5; renumber"),
    "negative label": (lambda _: (BYTES, LABELS - 1), "a training label is -1; give integers 0 to K - 1"),
    "labels as numbers": (lambda _: (BYTES, LABELS / 2), "labels are of type float64; give integers"),
    "labels as names": (lambda _: (BYTES, LABELS.astype(str)), "labels are of type <U21; give integers .* for names"),
    "one-hot": (lambda _: (BYTES, np.eye(2)[LABELS]), r"labels have shape \(40, 2\); .* argmax\(1\)"),
    "one class": (lambda _: (BYTES, 0 * LABELS), "all training labels are 0; give two classes"),
    "too few labels": (lambda _: (BYTES, LABELS[1:]), "40 training images and 39 labels"),
    "new test label": (lambda _: (BYTES, LABELS, BYTES, LABELS + 1), "test images have label 2, and .* 0 to 1"),
    "other test shape": (lambda _: (BYTES, LABELS, BYTES[:, 1:], LABELS), r"shape \(3, 3\) and test images \(2, 3\)"),
    "other test type": (lambda _: (BYTES, LABELS, UNIT, LABELS), "type uint8 and test images of type float32"),
    "images of two shapes": (lambda _: ([BYTES[0], BYTES[1, 1:]], [0, 1]), r"item 1 has shape \(2, 3\), and"),
    "images of two types": (lambda _: ([BYTES[0], UNIT[0]], [0, 1]), "item 1 has type float32, and item 0 uint8"),
    "normalised": (lambda _: (4 * UNIT - 1, LABELS), r"reach from -1 to 3; .* leave out a normalisation"),
    "constant": (lambda _: (np.full((40, 2), 5.0), LABELS), "reach from 5 to 5; give bytes .* and deviation$"),
    "whole numbers": (lambda _: (BYTES.astype(int), LABELS), r"are of type int64; .* x.astype\('uint8'\)"),
    "nan": (lambda _: (np.where(BYTES > 9, UNIT, np.nan), LABELS), "nan or infinite numbers; remove"),
    "no images": (lambda _: (BYTES[:0], LABELS[:0]), r"images have shape \(0, 3, 3\); give"),
    "a line of numbers": (lambda _: (UNIT[:, 0, 0], LABELS), r"images have shape \(40,\); give \(n, features\)"),
    "few of a class": (lambda _: (BYTES[:4], LABELS[:4]), "no class has 5 images, .* x_test and y_test"),
    "three arrays": (lambda _: (BYTES, LABELS, BYTES), "is of type tuple, not labelled images; give"),
    "a number": (lambda _: 3, "is of type int, not labelled images; give"),
    "a class": (lambda _: Items, "is of type type, not labelled images"),
    "no pairs": (lambda _: Items([torch.zeros(3)]), "item 0: ValueError: too many values .*; each item is to be"),
    "an item fails": (lambda _: Items([(UNIT[0], 0), None]), "item 1: TypeError"),
    "no such file": (lambda _: "missing.npz", "missing.npz cannot be read .No such file"),
    "no npz": (lambda folder: str((folder / "a.npz").write_bytes(b"text") and folder / "a.npz"), "a.npz cannot"),
    "objects in it": (lambda folder: npz(folder, x=np.array([{}]), y=LABELS), "Object arrays"),
    "no labels in it": (lambda folder: npz(folder, x=BYTES), "own.npz holds x; give x and y"),
    "no test labels": (lambda folder: npz(folder, x=BYTES, y=LABELS, x_test=BYTES), "with x_test also y_test"),
    "empty folder": (lambda folder: str(folder), "lacks a file of training images or labels; give idx files"),
    "cut short": (lambda folder: idx_folder(folder, **{"t10k-labels-idx1-ubyte": idx(LABELS[:6])[:-1]}),
                  "t10k-labels-idx1-ubyte is no whole idx file"),
    "no idx": (lambda folder: idx_folder(folder, **{"t10k-labels-idx1-ubyte": b"text"}), "is no whole idx file"),
    "bad gzip": (lambda folder: idx_folder(folder, **{"train-labels-idx1-ubyte.gz": b"\x1f\x8b\0"}), "gz cannot"),
    "two of a kind": (lambda folder: idx_folder(folder, **{"train-labels-idx1-ubyte": idx(LABELS)}), "leave one"),
    "a batch of CIFAR lost": (lambda folder: str((folder / "test_batch").touch() or folder), "lacks data_batch_1"),
    "a damaged batch": (lambda folder: cifar_folder(folder, 2, b"\x80\x02garbage"), "test_batch is not read"),
    "another batch": (lambda folder: cifar_folder(folder, 2, pickle.dumps([1])), "holds no images of CIFAR-10"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_do(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    given = make(tmp_path)
    with pytest.raises(DataError, match=message) as raised:
        load(given) if isinstance(given, str) else of_object(given)
    assert "\n" not in str(raised.value)


FILES = {
    "fails": r"own.py:fails, line 8: OSError: no such file",
    "number": r"own.py:number is of type int, not labelled images; give \(x, y\)",
    "absent": r"own.py has no absent; write FILE.py:NAME, and let NAME give \(x, y\)",
    "plian": r"own.py has no plian; did you mean plain\?",
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_the_user_are_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SOURCE)
    with pytest.raises(DataError, match=FILES[name]):
        load(f"{tmp_path / 'own.py'}:{name}")


def test_python_trains_on_arrays_as_the_command_line_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = npz(tmp_path, x=BYTES, y=LABELS)
    settings = {"width": 8, "depth": 1, "epochs": 1, "samples": 1, "sigma_b2": 0.01}
    record = mb.train("deterministic", (BYTES, LABELS), **settings)
    assert record == mb.train(dataset=path, **settings)
    assert main(["train", "--dataset", path, *TINY]) == 0
    out, err = capsys.readouterr()
    assert f"{record['loss'][0]:.4g}" in out
    assert err.splitlines() == [
        "own.npz: images of bytes, 0 to 255, scaled to [-1, 1]",
        "own.npz: no test set is given, so every 5th image of each class, 8 of 40, is kept for testing",
    ]


def test_classes_are_those_of_the_labels(tmp_path: Path) -> None:
    mb.train(dataset=(BYTES, np.arange(40) % 3), width=8, depth=1, epochs=1, samples=1, checkpoint=tmp_path / "c.pt")
    weights = torch.load(tmp_path / "c.pt", weights_only=True)["weights"]
    assert [tuple(each.shape[1:]) for each in weights] == [(8, 9), (3, 8)]


def test_checkpoints_are_not_resumed_on_images_of_another_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = npz(tmp_path, x=BYTES, y=LABELS)
    line = ["train", "--dataset", path, *TINY, "--checkpoint", str(tmp_path / "c.pt")]
    assert main(line) == 0
    npz(tmp_path, x=BYTES[:, 1:], y=LABELS)
    capsys.readouterr()
    assert main([*line, "--resume"]) == 2
    assert "give the images it was trained on" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("change", ["pixel", "label"])
def test_checkpoints_are_not_resumed_on_images_that_have_changed(
    change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = npz(tmp_path, x=BYTES, y=LABELS)
    line = ["train", "--dataset", path, *TINY, "--checkpoint", str(tmp_path / "c.pt"), "--resume", "--epochs", "2"]
    assert main([*line[:-3], "--epochs", "1"]) == 0
    written = (tmp_path / "c.pt").read_bytes()
    images, labels = BYTES.copy(), LABELS.copy()
    images[0, 0, 0] ^= change == "pixel"
    labels[:2] = labels[1::-1] if change == "label" else labels[:2]
    npz(tmp_path, x=images, y=labels)
    capsys.readouterr()
    assert main(line) == 2
    assert "c.pt was trained on other images or labels than those given: give" in capsys.readouterr().err
    assert (tmp_path / "c.pt").read_bytes() == written
    npz(tmp_path, x=BYTES, y=LABELS)
    assert main(line) == 0


def test_commands_take_own_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = npz(tmp_path, x=BYTES, y=LABELS)
    grid = f'dataset = "{path}"\nwidth = 8\ndepth = [1, 2]\nepochs = 1\nsamples = 1\nsigma_m2 = 0.8\n'
    (tmp_path / "grid.toml").write_text(grid)
    lines = [
        ["simulate", "--dataset", path, "--width", "20", "--depth", "2", "--realisations", "2"],
        ["sweep", str(tmp_path / "grid.toml"), "-o", str(tmp_path / "grid.nc"), "--workers", "1"],
    ]
    for line in lines:
        assert main(line) == 0
        assert "own.npz: images of bytes" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["train --sigma-m2 0.8 --sigma-b2 0.01", "simulate --depth 2",
                                  "sweep grid.toml -o g.nc",
                                  "train --dataset digits --sigma-m2 0.8 --sigma-b2 0.01"])  # fmt: skip
def test_folders_beside_data_that_are_not_looked_for_are_refused(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = npz(tmp_path, x=BYTES, y=LABELS)
    (tmp_path / "grid.toml").write_text(f'dataset = "{path}"\nwidth = 8\ndepth = 1\nsigma_m2 = 0.8\n')
    before = set(tmp_path.iterdir())
    own = [] if "sweep" in line or "--dataset" in line else ["--dataset", path]
    assert main([*line.split(), *own, "--data-dir", str(tmp_path)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "is for mnist and fashion-mnist, and" in error
    assert error.endswith("is not looked for there; leave it out")
    assert set(tmp_path.iterdir()) == before


def test_a_grid_may_have_own_data_beside_published_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is for those of its data sets that are looked for there."""
    asked = []
    monkeypatch.setattr("meanbits.experiments.data._read_published", lambda name, part, folder: asked.append(folder))
    path = npz(tmp_path, x=BYTES, y=LABELS)
    grid = training_grid(f'dataset = ["{path}", "mnist"]\nwidth = 8\ndepth = 1\nsigma_m2 = 0.8\n')
    with pytest.raises(TypeError):  # nothing having been read
        check_data(grid, tmp_path)
    assert asked
    assert set(asked) == {tmp_path}


def test_figures_that_train_refuse_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = npz(tmp_path, x=BYTES, y=LABELS)
    assert main(["figure", "2", "--dataset", path, "-o", str(tmp_path / "out")]) == 2
    assert "use digits, mnist, fashion-mnist, or meanbits sweep for yours" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
