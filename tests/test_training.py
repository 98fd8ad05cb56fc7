"""Training: cells in a batch are as cells alone, runs repeat, what is reported is what it says it is."""

import errno
import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from faulty import files_of

from meanbits.cli import main
from meanbits.experiments.data import image_pairs, load
from meanbits.experiments.training import checkpoint
from meanbits.experiments.training.cells import images_of, train_cell, train_cells_batched
from meanbits.experiments.training.checkpoint import CheckpointError
from meanbits.experiments.training.counterparts import (
    Labelled,
    accuracy,
    sampled_outputs,
    sign_outputs,
    surrogate_outputs,
)
from meanbits.experiments.training.draws import layer_draws, streams
from meanbits.experiments.training.logs import tensorboard
from meanbits.experiments.training.loop import NonFiniteLossError, Training, epochs, started
from meanbits.experiments.training.measures import field_orbits, mean_statistics, theory_orbits
from meanbits.experiments.training.network import Network, initialised, settled_norms
from meanbits.experiments.training.settings import OPTIMISERS, READOUTS, Settings, composed
from meanbits.numerics.layers.linear import BinaryLinear

SMALL = Settings(train_size=200, width=24, depth=2, epochs=2, batch_size=50, lr=3e-3, samples=3, sigma_b2=0.01)
KINDS = ("deterministic", "soudry", "lrt", "shayer", "peters-welling", "moment-matching", "stochastic-binary")
pytestmark = pytest.mark.usefixtures("one_thread")
OF_SMALL = ["--train-size", "200", "--width", "24", "--depth", "2", "--epochs", "2", "--samples", "2",
            "--sigma-m2", "0.8", "--sigma-b2", "0.01"]  # fmt: skip
Record = dict[str, Any]


def network_of(settings: Settings, features: int = 64, cells: int = 1) -> Network:
    chosen = [replace(settings, seed=seed) for seed in range(cells)]
    return initialised(chosen, features, streams(chosen).initial)


def flat(record: Any) -> list[float]:
    """Every number of a record."""
    if isinstance(record, dict):
        return [number for key in sorted(record) for number in flat(record[key])]
    if isinstance(record, list):
        return [number for entry in record for number in flat(entry)]
    return [math.nan if record is None else float(record)]


def strip(record: Record, *names: str) -> list[float]:
    return flat({name: value for name, value in record.items() if name not in names})


@pytest.mark.parametrize("name", KINDS)
def test_a_batch_gives_what_cells_give_alone(name: str) -> None:
    cells = [replace(SMALL, surrogate=name, seed=seed, sigma_m2=0.3 + 0.2 * seed) for seed in range(3)]
    together, alone = train_cells_batched(cells), [train_cell(cell) for cell in cells]
    for one, other in zip(together, alone, strict=True):
        assert isinstance(one, dict)
        np.testing.assert_allclose(strip(one), strip(other), rtol=1e-4, atol=0.01)
        np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-5)
    assert alone[0]["loss"] != alone[1]["loss"]


def test_gains_vary_within_a_batch() -> None:
    cells = [replace(SMALL, phi="tanh", gain=gain) for gain in (1.0, 1.5)]
    together = train_cells_batched(cells)
    for cell, record in zip(cells, together, strict=True):
        assert isinstance(record, dict)
        np.testing.assert_allclose(record["loss"], train_cell(cell)["loss"], rtol=1e-5)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_learning_rates_vary_within_a_batch(optimiser: str) -> None:
    shared = replace(SMALL, optimiser=optimiser, schedule="cosine", dtype="float64")
    cells = [replace(shared, lr=lr, seed=seed) for lr, seed in ((1e-3, 0), (1e-2, 0), (1e-2, 1))]
    together, alone = train_cells_batched(cells), [train_cell(cell) for cell in cells]
    for one, other in zip(together, alone, strict=True):
        assert isinstance(one, dict)
        np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-12)
        np.testing.assert_allclose(strip(one), strip(other), rtol=1e-10)
    assert alone[0]["loss"] != alone[1]["loss"]


def test_shapes_do_not_mix() -> None:
    with pytest.raises(ValueError, match="2 cells of 2 shapes"):
        train_cells_batched([SMALL, replace(SMALL, depth=3)])


def test_a_seed_repeats_a_run_to_the_last_bit() -> None:
    settings = replace(SMALL, surrogate="lrt")
    once, again, other = (train_cell(each) for each in (settings, settings, replace(settings, seed=1)))
    assert json.dumps(once) == json.dumps(again)
    assert once["loss"] != other["loss"]


@pytest.mark.parametrize("name", KINDS)
def test_network_is_a_chain_of_layers(name: str) -> None:
    """The fields of a stacked network are those of `BinaryLinear` layers of the same parameters."""
    settings = replace(SMALL, surrogate=name, dtype="float64", depth=3)
    network, rng = network_of(settings, cells=2), torch.Generator().manual_seed(3)
    images = 2 * torch.rand(5, 64, generator=rng, dtype=torch.float64) - 1
    draws = layer_draws(network.rule, streams([settings] * 2).noise, 3, 5, 24, torch.float64)
    stacked = list(network.fields(images.expand(2, 5, 64), draws))
    state: Any = images
    for depth in range(3):
        layer = BinaryLinear(64 if depth == 0 else 24, 24, composed(settings), dtype=torch.float64)
        layer.load_state_dict({"mean": network.weights[depth][1], "bias": network.biases[depth][1]})
        for found, expected in zip(stacked[depth], layer.field(state), strict=True):
            torch.testing.assert_close(found[1], expected.detach(), rtol=1e-12, atol=1e-14)
        if layer.rule.draws_neurons:
            return  # the layer draws numbers of its own
        noise = None if draws is None else draws[depth].noise
        state = layer(state, None if noise is None else noise[1])


def test_measured_orbit_is_the_theory_within_the_spread_of_networks() -> None:
    settings = Settings(width=600, depth=4, sigma_m2=0.6, sigma_b2=0.05, phi="tanh")
    pairs = image_pairs(load("digits"), 3)
    cells = [replace(settings, seed=seed) for seed in range(16)]
    network = initialised(cells, 64, streams(cells).initial)
    measured = field_orbits(network, pairs, streams(cells).noise)
    theory = theory_orbits(settings, pairs)
    for name in ("q", "c"):
        values = np.array([each[name] for each in measured])
        z = (values.mean(0) - np.array(theory[name])) / (values.std(0, ddof=1) / 4)
        # 12 numbers, Student's t of 15 degrees: beyond 5 with odds of 2e-4; the first layer has but 64 inputs.
        assert np.abs(z).max() < 5
        assert np.abs(values.mean(0) - np.array(theory[name]) * 1.3).min() > 0


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_optimisers_lower_the_loss(optimiser: str) -> None:
    lr = {"adam": 1e-2, "rmsprop": 1e-2, "sgd": 2.0, "momentum": 0.5}[optimiser]
    record = train_cell(replace(SMALL, optimiser=optimiser, lr=lr, depth=1, epochs=12))
    assert record["loss"][-1] < 0.9 * record["loss"][0]


VARIANTS = (
    *({"readout": readout} for readout in READOUTS), {"keep": "tanh"}, {"inputs": "real"}, {"surrogate": "baldassi"},
    {"surrogate": "continuous"}, {"weights": "ternary:0.5", "sigma_m2": 0.2}, {"dtype": "float64"}, {"law": "beta"},
)  # fmt: skip


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_variants_train(changes: dict[str, Any]) -> None:
    settings = replace(SMALL, **{"depth": 1, "epochs": 12, "lr": 1e-2} | changes)
    record = train_cell(settings)
    assert record["loss"][-1] < 0.9 * record["loss"][0]
    assert set(record["sampled"]) == {"1", "3"}


def test_cosine_schedule_falls_from_lr_to_nothing() -> None:
    settings = replace(SMALL, schedule="cosine", epochs=2)
    rates: list[float] = []
    train_cell(settings, on_epoch=lambda training: rates.append(training.optimiser.param_groups[0]["lr"]))
    # 4 steps an epoch: the last of each is at 3/8 and 7/8 of the way.
    assert rates == pytest.approx([settings.lr * (1 + math.cos(math.pi * k / 8)) / 2 for k in (3, 7)], rel=1e-15)


def test_digits_are_learnt() -> None:
    record = train_cell(Settings(depth=2, width=64, epochs=8, lr=5e-3, samples=5))
    assert record["surrogate"]["test_accuracy"] > 0.8
    assert record["sampled"]["5"]["test_accuracy"] > record["sampled"]["1"]["test_accuracy"]
    assert record["polarised"]["after"] != record["polarised"]["before"]


def test_means_stay_in_their_range() -> None:
    network = network_of(replace(SMALL, lr=10.0, optimiser="sgd"))
    training = started([network.settings], network, streams([SMALL]))
    images, labels = torch.rand(60, 64), torch.arange(60) % 10
    next(epochs(training, images, labels))
    top = max(float(weights.detach().abs().max()) for weights in network.weights)
    assert top == network.limit < 1


def test_certain_bits_have_one_network_behind_them() -> None:
    """Where every mean is +-1, the sampled networks are all the sign network; sign neurons, inputs of +-1."""
    network = network_of(replace(SMALL, sigma_m2=1.0, dtype="float64"), cells=2)
    for weights in network.weights:
        weights.sign_()
    data = Labelled(torch.sign(torch.randn(30, 64, dtype=torch.float64)), torch.zeros(30, dtype=torch.int64))
    signs = torch.softmax(sign_outputs(network, data), -1)
    for count, (found,) in sampled_outputs(network, [data], streams([SMALL] * 2).binary, 3):
        torch.testing.assert_close(found, signs, rtol=1e-12, atol=0)
        assert count in (1, 3)


def test_sampled_networks_average_to_the_surrogate_of_one_wide_layer() -> None:
    """At one wide layer and readout, E softmax(h) over networks is softmax(hbar) up to the spread of the readout."""
    network = network_of(replace(SMALL, depth=1, width=2000, sigma_m2=0.999, dtype="float64"))
    data = Labelled(2 * torch.rand(20, 64, dtype=torch.float64) - 1, torch.zeros(20, dtype=torch.int64))
    *_, (_, (found,)) = sampled_outputs(network, [data], streams([SMALL]).binary, 100)
    hbar = surrogate_outputs(network, data, streams([SMALL]).noise)
    near = (found - torch.softmax(hbar, -1)).abs().max()
    far = (found - torch.softmax(hbar.roll(1, 1), -1)).abs().max()
    assert float(near) < 0.1 < float(far)


def test_accuracy_by_hand() -> None:
    outputs = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])
    assert accuracy(outputs, torch.tensor([0, 1])) == [1.0, 0.5]


def test_mean_statistics_by_hand() -> None:
    network = network_of(replace(SMALL, readout="real", depth=1))
    network.weights[0].copy_(torch.linspace(-1, 1, 24 * 64).reshape(1, 24, 64))
    (found,) = mean_statistics(network)
    assert found["polarised"][0] == pytest.approx(0.1, abs=0.01)
    assert math.isnan(found["polarised"][1])
    assert found["sigma_m2"][0] == pytest.approx(1 / 3, rel=0.01)


def test_a_loss_that_is_no_number_stops_its_cell_alone() -> None:
    """float32 overflows in the first layer of one cell; the other is what it is alone."""
    wild = replace(SMALL, surrogate="continuous", neurons="relu", optimiser="sgd", sigma_m2=2.0, seed=1)
    tame = replace(wild, seed=2)

    def spoil(training: Training) -> None:
        with torch.no_grad():
            training.network.biases[1][0] = 3e38

    broken, whole = train_cells_batched([wild, tame], on_start=spoil)
    assert isinstance(broken, NonFiniteLossError)
    assert "step 1," in str(broken)
    assert "layer 2" in str(broken) or "the readout" in str(broken)
    assert isinstance(whole, dict)
    assert whole["loss"] == pytest.approx(train_cell(tame)["loss"], rel=1e-5)
    with pytest.raises(NonFiniteLossError, match=r"the loss is (nan|inf) at step 1, where .*; lower lr or"):
        train_cell(wild, on_start=spoil)


def test_parameters_that_are_no_numbers_are_named() -> None:
    def spoil(training: Training) -> None:
        with torch.no_grad():
            training.network.weights[1][0, 3, 5] = math.nan

    with pytest.raises(NonFiniteLossError, match=r"the parameters of layer 2 not being finite"):
        train_cell(SMALL, on_start=spoil)


class StoppedError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("name", ["deterministic", "lrt"])
@pytest.mark.parametrize("optimiser", ["adam", "momentum"])
def test_a_resumed_training_is_the_same_to_the_last_bit(name: str, optimiser: str, tmp_path: Path) -> None:
    settings, path = replace(SMALL, surrogate=name, optimiser=optimiser, epochs=3), tmp_path / "training.pt"

    def stop(training: Training) -> None:
        checkpoint.save(training, settings, path)
        if training.epochs == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_cell(settings, on_epoch=stop)
    resumed = train_cell(settings, on_start=lambda training: checkpoint.restore(training, settings, path))
    whole = train_cell(settings)
    assert strip(resumed, "polarised") == pytest.approx(strip(whole, "polarised"), rel=0, abs=0)


def saved(path: Path) -> Path:
    train_cell(replace(SMALL, epochs=1), on_epoch=lambda training: checkpoint.save(training, SMALL, path))
    return path


def restored(settings: Settings, path: Path) -> None:
    cells = [settings]
    seen = images_of(settings, load("digits"), "cpu").train
    network, data = initialised(cells, 64, streams(cells).initial), (seen.images, seen.labels)
    training = started(cells, network, streams(cells), data)
    checkpoint.restore(training, settings, path)


def test_checkpoints_of_other_settings_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "training.pt")
    restored(replace(SMALL, epochs=9), path)
    with pytest.raises(CheckpointError, match=r"training.pt is of other settings \(lr\)"):
        restored(replace(SMALL, lr=1e-3), path)
    with pytest.raises(CheckpointError, match=r"training.pt is of other settings \(.*schedule\)"):
        restored(replace(SMALL, schedule="cosine"), path)


@pytest.mark.parametrize("damage", [lambda packed: packed[:-200], lambda packed: b"", lambda packed: b"text"])
def test_damaged_checkpoints_are_named(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = saved(tmp_path / "training.pt")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=r"training.pt is damaged or no checkpoint"):
        restored(SMALL, path)


def test_checkpoints_hold_no_code(tmp_path: Path) -> None:
    path = tmp_path / "code.pt"
    torch.save({"format": checkpoint.FORMAT, "settings": Path("x")}, path)
    with pytest.raises(CheckpointError, match="damaged or no checkpoint"):
        checkpoint.read(path)


def test_a_checkpoint_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "training.pt")
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        saved(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["training.pt"]


def test_tensorboard_logs(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with tensorboard(tmp_path) as log:
        train_cell(SMALL, on_epoch=log)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2]
    assert "polarised/layer 3" in events.Tags()["scalars"]


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with tensorboard(tmp_path) as log, files_of(20), pytest.raises(OSError, match=r"too large: .*tfevents"):
        train_cell(SMALL, on_epoch=log)


def test_tensorboard_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(ValueError, match="pip install tensorboard"), tensorboard(tmp_path):
        pass


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 0}, "depth = 0"),
        ({"width": 0}, "width = 0"),
        ({"lr": 0.0}, "lr = 0.0: give a finite number > 0"),
        ({"lr": math.nan}, "lr = nan"),
        ({"lr": math.inf}, "lr = inf"),
        ({"sigma_m2": 1.5}, r"sigma_m2 = 1.5: binary weights need a number in \(0, 1\]"),
        ({"sigma_m2": 0.0}, "sigma_m2 = 0.0"),
        ({"sigma_m2": 0.3, "weights": "ternary:0.5"}, r"in \(0, 0.25\]"),
        ({"sigma_b2": -1.0}, "sigma_b2 = -1.0"),
        ({"optimiser": "adm"}, "optimiser = adm: choose adam"),
        ({"readout": "sum"}, "readout = sum: choose field"),
        ({"schedule": "step"}, "schedule = step: choose constant, cosine"),
        ({"surrogate": "determinstic"}, "did you mean deterministic"),
        ({"surrogate": "baldassi"}, "use depth 1"),
        ({"surrogate": "continuous", "keep": "tanh"}, "keep = tanh"),
        ({"law": "unifrom"}, "did you mean uniform"),
        ({"law": "uniform"}, "sigma_m2 = 0.8: the uniform law"),
        ({"train_size": 0}, "train_size = 0"),
        ({"seed": -1}, "seed = -1"),
    ],
)
def test_settings_are_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)


def test_too_many_images_are_refused() -> None:
    with pytest.raises(ValueError, match="train_size = 2000: digits has 1437 training images"):
        train_cell(replace(SMALL, train_size=2000))


def test_train_prints_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "deterministic", "--json", *OF_SMALL]) == 0
    document = json.loads(capsys.readouterr().out)
    networks = [document["surrogate"], document["sign"], *document["sampled"].values()]
    assert all(set(each) == {"train_accuracy", "test_accuracy"} for each in networks)
    assert len(document["loss"]) == 2
    assert document["settings"]["lr"] == 2e-4
    assert document["settings"]["optimiser"] == "adam"
    assert document["settings"]["batch_size"] == 64
    assert len(document["q"]["theory"][0]) == len(document["c"]["after"][0]) == 2


def test_train_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "lrt", "--inputs", "real", *OF_SMALL]) == 0
    out = capsys.readouterr().out
    assert "stochastic, 2 averaged" in out
    assert "readout" in out


def test_train_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "training.pt")
    assert main(["train", "--json", *OF_SMALL, "--checkpoint", path]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(["train", "--json", *OF_SMALL, "--checkpoint", path]) == 2
    assert "go on with --resume" in capsys.readouterr().err
    assert main(["train", "--json", *OF_SMALL, "--checkpoint", path, "--resume"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == first["loss"]


def test_train_says_where_a_loss_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--neurons", "relu", "--optimiser", "sgd", "--lr", "1e30", "--readout", "real"]
    assert main(["train", "continuous", *options, *OF_SMALL]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "at step" in captured.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--depth", "0"], "--depth"),
        (["--lr", "0"], "--lr 0.0: give a finite number > 0"),
        (["--lr", "-1"], "--lr -1.0"),
        (["--sigma-m2", "2"], "--sigma-m2 2.0: binary weights need"),
        (["--optimiser", "adm"], "--optimiser adm: choose adam, sgd"),
        (["--dataset", "minst"], "did you mean 'mnist'"),
        (["--dataset", "mnist", "--data-dir", "/nonexistent"], "not found in /nonexistent"),
        (["--train-size", "99999"], "digits has 1437 training images"),
        (["--resume"], "--resume goes on from a checkpoint"),
        (["--checkpoint", "/nonexistent/f.pt"], "the folder /nonexistent does not exist"),
        (["--checkpoint", "missing.pt", "--resume"], "nothing to resume"),
        (["--device", "tpu"], "--device tpu: unknown"),
        (["--treatment", "margin"], "did you mean marginalise"),
        (["--optimizer", "adam"], "did you mean --optimiser"),
    ],
)
def test_bad_input_is_one_line(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "deterministic", *OF_SMALL, *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err


BLOCKS = {"surrogate": "random-binary", "backward": "clip", "sigma_m2": 1.0, "sigma_b2": 0.0}


@pytest.mark.parametrize("blocks", [{"normalise": "rms", "skip": "1"}, {"scale": 1.5}], ids=str)
def test_blocks_inside_before_training_are_the_theory(blocks: dict[str, Any]) -> None:
    """q and c of image pairs; batch norm takes all pairs of a batch for alike, which those of images are not."""
    record = train_cell(Settings(**BLOCKS, **blocks, width=800, epochs=1, train_size=200, samples=1))
    assert record["q"]["before"][0] == pytest.approx(record["q"]["theory"][0], rel=0.2)
    assert record["c"]["before"][0] == pytest.approx(record["c"]["theory"][0], abs=0.06)


def test_signs_of_latent_weights_train_and_are_the_binary_network() -> None:
    settings = Settings(**BLOCKS, normalise="batch", width=64, epochs=6, lr=1e-2, samples=1, train_size=500)
    record = train_cell(settings)
    assert record["loss"][-1] < 0.6 * record["loss"][0]
    assert record["surrogate"] == record["sign"]


NORMED = (
    {"normalise": "batch", "dropout": 0.1}, {"surrogate": "lrt", "normalise": "rms", "dropout": 0.2},
    {"surrogate": "moment-matching", "normalise": "batch", "skip": "1"},
    {**BLOCKS, "normalise": "batch", "dropout": 0.1},
)  # fmt: skip


@pytest.mark.parametrize("blocks", NORMED, ids=str)
def test_blocks_train_whatever_is_done_with_the_field(blocks: dict[str, Any]) -> None:
    """Alone and with others; masks are drawn for each cell, and a seed repeats them."""
    cells = [replace(SMALL, **{"lr": 1e-2, **blocks, "epochs": 5}, seed=seed) for seed in range(2)]
    together, alone = train_cells_batched(cells), [train_cell(cell) for cell in cells]
    for one, other in zip(together, alone, strict=True):
        assert isinstance(one, dict)
        np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-4)
        assert one["loss"][-1] < one["loss"][0]
    assert alone[0]["loss"] == train_cell(cells[0])["loss"]
    undropped = train_cell(replace(cells[0], dropout=None))
    assert (undropped["loss"] == alone[0]["loss"]) == ("dropout" not in blocks)


@pytest.mark.parametrize("blocks", [{"normalise": "rms", "skip": "1"}, {"dropout": 0.3}], ids=str)
def test_blocks_of_fields_with_a_variance_are_the_theory(blocks: dict[str, Any]) -> None:
    """q and c of image pairs before training."""
    record = train_cell(Settings(**blocks, width=800, epochs=1, train_size=200, samples=1, sigma_m2=0.6, sigma_b2=0.1))
    np.testing.assert_allclose(record["q"]["before"][0], record["q"]["theory"][0], rtol=0.2)
    np.testing.assert_allclose(record["c"]["before"], record["c"]["theory"], atol=0.06)


def test_sampled_networks_average_to_a_surrogate_with_norm_and_dropout() -> None:
    """Of one wide layer, by the moments of the surrogate and with masks of their own; and no image by the others."""
    settings = replace(SMALL, depth=1, width=2000, sigma_m2=0.6, dtype="float64", normalise="batch", dropout=0.3)
    network = network_of(settings)
    images = 2 * torch.rand(60, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 1
    known = settled_norms(network, images)
    torch.testing.assert_close(known.logits(images[None]), network.logits(images[None]))
    torch.testing.assert_close(known.logits(images[None])[:, :5], known.logits(images[None, :5]))
    data = Labelled(images[:20], torch.zeros(20, dtype=torch.int64))
    *_, (_, (found,)) = sampled_outputs(known, [data], streams([settings]).binary, 400)
    expected = torch.softmax(surrogate_outputs(known, data, streams([settings]).noise), -1)
    assert float((found - expected).abs().max()) < 0.1 < float((found - expected.roll(1, 1)).abs().max())


@pytest.mark.parametrize(("wrong", "said"), [
    ({"surrogate": "lrt", "skip": "1"}, "none to carry on; use treatment marginalise or none"),
    ({"surrogate": "deterministic", "phi": "tanh", "normalise": "batch"}, "use form exact"),
    ({"surrogate": "deterministic", "dropout": 1.0}, "must lie in"),
    ({**BLOCKS, "normalise": "batch", "batch_size": 1}, "at least 2 images"),
    ({**BLOCKS, "normalise": "group"}, "unknown norm"), ({**BLOCKS, "sigma_m2": 0.5}, "give that"),
])  # fmt: skip
def test_blocks_that_do_not_train_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(**wrong)
