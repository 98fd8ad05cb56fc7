"""Data sets load as documented, damaged ones are refused by name, and image pairs share one mean square."""

import gzip
import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from meanbits.experiments import fetch
from meanbits.experiments.data import IDX_FILES, PUBLISHED_SHA256, DataError, Dataset, image_pairs, load

BESIDE_PROJECT = Path(__file__).parents[2] / "shared" / "data"
PUBLISHED = Path(os.environ.get("MEANBITS_DATA") or BESIDE_PROJECT)
SMALLEST_FILE = "t10k-labels-idx1-ubyte.gz"


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture
def published() -> Path:
    for path in (PUBLISHED / name / file for name in PUBLISHED_SHA256 for file in IDX_FILES.values()):
        if not path.is_file():
            pytest.skip(f"{path} is missing: set MEANBITS_DATA to the folder of mnist/ and fashion-mnist/")
    return PUBLISHED


@pytest.fixture(autouse=True)
def _no_data_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MEANBITS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without logging."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that both mirrors of mnist and fashion-mnist serve, the first of them being down."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        mirrors = ("http://127.0.0.1:9/", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setattr(fetch, "MIRRORS", dict.fromkeys(PUBLISHED_SHA256, mirrors))
        yield folder
        server.shutdown()
        thread.join()


def assert_well_formed(dataset: Dataset, train_size: int, test_size: int, features: int) -> None:
    for images, labels, size in (
        (dataset.train_images, dataset.train_labels, train_size),
        (dataset.test_images, dataset.test_labels, test_size),
    ):
        assert images.shape == (size, features)
        assert images.dtype == np.float64
        assert (images.min(), images.max()) == (-1, 1)
        assert labels.shape == (size,)
        assert labels.dtype == np.int64
        assert set(labels) == set(range(10))


def test_digits(digits: Dataset) -> None:
    assert_well_formed(digits, 1437, 360, 64)


def test_digits_split_is_the_same_every_time(digits: Dataset) -> None:
    np.testing.assert_array_equal(digits.test_images, load("digits").test_images)


@pytest.mark.parametrize("name", PUBLISHED_SHA256)
def test_published_files(name: str, published: Path) -> None:
    dataset = load(name, published)
    assert_well_formed(dataset, 60000, 10000, 784)
    assert np.bincount(dataset.test_labels)[0] == {"mnist": 980, "fashion-mnist": 1000}[name]


def test_pixels_keep_their_place(published: Path) -> None:
    with gzip.open(published / "mnist" / IDX_FILES["test_images"]) as file:
        pixels = np.frombuffer(file.read()[16:], np.uint8)
    test_images = load("mnist", published).test_images
    # Up to the rounding of one division and one subtraction of numbers below 3.
    np.testing.assert_allclose((test_images.ravel() + 1) * 127.5, pixels, rtol=0, atol=1e-12)


def test_folder_without_the_name(published: Path) -> None:
    assert load("mnist", published / "mnist").name == "mnist"


def test_folder_from_the_environment(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEANBITS_DATA", str(published))
    assert load("mnist").name == "mnist"


def test_folder_in_the_cache(published: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "meanbits").symlink_to(published)
    assert load("mnist").name == "mnist"


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz of mnist not found in .*--data-dir"):
        load("mnist", tmp_path)


def test_one_missing_file_is_named(published: Path, tmp_path: Path) -> None:
    shutil.copytree(published / "mnist", tmp_path / "mnist", ignore=shutil.ignore_patterns(SMALLEST_FILE))
    with pytest.raises(DataError, match=rf"{SMALLEST_FILE} of mnist not found"):
        load("mnist", tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda packed: packed[:-100], id="truncated"),
        pytest.param(lambda packed: b"", id="empty"),
        pytest.param(lambda packed: packed[:2000] + b"\0" + packed[2001:], id="one byte changed"),
        pytest.param(lambda packed: gzip.compress(b"\1" + gzip.decompress(packed)[1:]), id="bad magic"),
    ],
)
def test_damaged_file_is_named(damage: Callable[[bytes], bytes], published: Path, tmp_path: Path) -> None:
    for file in IDX_FILES.values():
        (tmp_path / file).symlink_to(published / "mnist" / file)
    (tmp_path / SMALLEST_FILE).unlink()
    (tmp_path / SMALLEST_FILE).write_bytes(damage((published / "mnist" / SMALLEST_FILE).read_bytes()))
    with pytest.raises(
        DataError, match=rf"{tmp_path / SMALLEST_FILE} is damaged or not mnist's .*--data-dir"
    ) as raised:
        load("mnist", tmp_path)
    assert "\n" not in str(raised.value)


def test_files_of_another_data_set_are_refused(published: Path) -> None:
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged or not fashion-mnist's"):
        load("fashion-mnist", published / "mnist")


def test_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / IDX_FILES["train_images"]
    path.touch()

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=rf"{path} cannot be read \(Permission denied\)"):
        load("mnist", tmp_path)


@pytest.mark.parametrize(("name", "nearest"), [("minst", "mnist"), ("fashion", "fashion-mnist"), ("digit", "digits")])
def test_unknown_name_gets_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(DataError, match=f"unknown data set '{name}': did you mean '{nearest}'"):
        load(name)


def test_pairs_share_one_mean_square(digits: Dataset) -> None:
    for pair in image_pairs(digits, count=5, seed=1):
        for image in (pair.first, pair.second):
            assert image.shape == (64,)
            assert np.abs(image).max() <= 1
            assert np.mean(image**2) == pytest.approx(pair.mean_square, rel=1e-12)
        assert np.mean(pair.first * pair.second) / pair.mean_square == pytest.approx(pair.overlap, abs=1e-12)


def test_pairs_are_training_images_scaled_down(digits: Dataset) -> None:
    for image in (image for pair in image_pairs(digits) for image in (pair.first, pair.second)):
        cosines = digits.train_images @ image / np.linalg.norm(digits.train_images, axis=1) / np.linalg.norm(image)
        source = digits.train_images[np.argmax(cosines)]
        scale = np.linalg.norm(image) / np.linalg.norm(source)
        assert scale <= 1 + 1e-12
        np.testing.assert_allclose(image, scale * source, rtol=1e-12)


def test_pairs_go_from_the_most_to_the_least_alike(digits: Dataset) -> None:
    overlaps = [pair.overlap for pair in image_pairs(digits)]
    assert len(overlaps) == 3
    assert all(more > less for more, less in itertools.pairwise(overlaps))
    assert overlaps[0] > 0.9
    assert overlaps[-1] < 0.2


def test_seed_fixes_the_pairs(digits: Dataset) -> None:
    once, again, other = (image_pairs(digits, seed=seed) for seed in (7, 7, 8))
    assert [pair.overlap for pair in once] == [pair.overlap for pair in again]
    assert [pair.overlap for pair in once] != [pair.overlap for pair in other]


def small(*images: list[float]) -> Dataset:
    empty = np.empty(0, np.int64)
    return Dataset("small", np.array(images), empty, np.empty((0, 2)), empty)


def test_equal_images_overlap_by_one_at_most() -> None:
    image = [0.1, 0.7]
    (pair,) = image_pairs(small(image, image), count=1)
    assert 1 - 1e-15 <= pair.overlap <= 1


@pytest.mark.parametrize("count", [0, 4])
def test_count_of_pairs_that_do_not_exist(count: int) -> None:
    with pytest.raises(DataError, match=f"count = {count}: small offers 1 to 3 image pairs"):
        image_pairs(small([1.0, 0.0], [0.0, 1.0], [1.0, 1.0]), count=count)


def test_zero_image_has_no_overlap() -> None:
    with pytest.raises(DataError, match="small has an image that is zero everywhere"):
        image_pairs(small([1.0, 0.0], [0.0, 0.0]), count=1)


def test_missing_files_are_fetched_once(served: Path, published: Path, tmp_path: Path) -> None:
    for file in IDX_FILES.values():
        (served / file).symlink_to(published / "mnist" / file)
    assert_well_formed(load("mnist"), 60000, 10000, 784)
    assert sorted(path.name for path in (tmp_path / "cache" / "meanbits" / "mnist").iterdir()) == sorted(
        IDX_FILES.values()
    )
    shutil.rmtree(served)
    assert load("mnist").name == "mnist"


def test_damage_on_the_way_is_refused_and_not_kept(served: Path, tmp_path: Path) -> None:
    (served / IDX_FILES["train_images"]).write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"not found .* could not be fetched \(http.* failed: SHA256 hash") as raised:
        load("mnist")
    assert "\n" not in str(raised.value)
    assert not any((tmp_path / "cache" / "meanbits" / "mnist").iterdir())


def test_unreachable_mirrors_are_named(served: Path) -> None:
    with pytest.raises(DataError, match=r"could not be fetched \(http://127.0.0.1:\d+/ failed: 404"):
        load("fashion-mnist")


def test_a_named_folder_is_not_filled(served: Path, published: Path, tmp_path: Path) -> None:
    for file in IDX_FILES.values():
        (served / file).symlink_to(published / "mnist" / file)
    with pytest.raises(DataError, match="not found"):
        load("mnist", tmp_path / "empty")
