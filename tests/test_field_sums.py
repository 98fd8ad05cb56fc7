"""Random signs, their sums by tables, the laws of the weight means, and moments that stream by."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from meanbits.experiments.random_networks.devices import PROCESSOR, Device, device_of, torch_device
from meanbits.experiments.random_networks.field_sums import (
    BLOCK,
    biased_octets,
    blocks,
    fair_octets,
    groups_of,
    partial_sums,
    signed_rows,
    signed_sums,
    signs_of,
    weighted_rows,
)
from meanbits.experiments.random_networks.measurements import Measurement, Moments, in_order, student_z
from meanbits.experiments.random_networks.weight_means import WeightMeans
from meanbits.theory.declarations.mean_law import MEAN_LAWS, MeanLaw, mean_law

LIMIT = 4
RARE = 1e-4  # two-sided tail beyond four standard errors, about
DEVICES = [PROCESSOR, torch_device("cpu")]
ROUNDING = 1e-12  # a thousand terms of order one in float64


def rng_of(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.xp.__name__)
@pytest.mark.parametrize(("inputs", "neurons"), [(1, 1), (7, 5), (8, 3), (64, 1), (1003, 77)])
def test_tables_give_the_dense_product(inputs: int, neurons: int, device: Device) -> None:
    rng = rng_of(1)
    states, octets = rng.uniform(-1, 1, (4, inputs)), fair_octets(inputs, neurons, rng)
    dense = states @ signs_of(octets, inputs).T
    halves = (octets[:, : neurons // 2], octets[:, neurons // 2 :])
    by_table = device.numpy(signed_rows(device.array(states), halves, device))
    np.testing.assert_allclose(by_table, dense, atol=ROUNDING)
    row = signed_sums(partial_sums(device.array(states[0]), device), octets, device)
    np.testing.assert_allclose(device.numpy(row), dense[0], atol=ROUNDING)
    weighted = weighted_rows(device.array(states), device.array(signs_of(octets, inputs)), device)
    np.testing.assert_allclose(device.numpy(weighted), dense, atol=ROUNDING)


def test_every_byte_has_its_partial_sum() -> None:
    table = partial_sums(2.0 ** np.arange(8), PROCESSOR)
    np.testing.assert_array_equal(table, [2.0 * np.arange(256) - 255])


def test_blocks_cover_the_neurons_in_order() -> None:
    for neurons, width in ((1, 1), (1000, 125), (1000, 10_000), (3, BLOCK + 1)):
        parts = list(blocks(neurons, width))
        assert [k for part in parts for k in range(part.start, part.stop)] == list(range(neurons))
        assert all((part.stop - part.start) * width <= BLOCK or part.stop - part.start == 1 for part in parts)


def test_fair_signs_are_independent() -> None:
    octets = fair_octets(1000, 1000, rng_of(2))
    assert stats.chisquare(np.bincount(octets.reshape(-1), minlength=256)).pvalue > RARE
    signs = signs_of(octets, 1000)
    for product in (signs, signs[1:] * signs[:-1], signs[:, 1:] * signs[:, :-1]):
        assert abs(product.sum()) < LIMIT * math.sqrt(product.size)


@pytest.mark.parametrize("probability", [0.0, 1 / 512, 0.3, 0.5, 2 / 3, 1 - 2**-20, 1.0])
def test_biased_signs_have_their_law(probability: float) -> None:
    """By chi-square, of the number of +1 in groups of eight, and of a probability given as an array."""
    counts = []
    for given in (probability, np.full((1200, 1000), probability)):
        octets = biased_octets(given, 1000, 1200, rng_of(3))
        counts.append(np.bincount(np.bitwise_count(octets).reshape(-1), minlength=9))
    np.testing.assert_array_equal(*counts)
    expected = counts[0].sum() * stats.binom.pmf(np.arange(9), 8, probability)
    if probability in (0, 1):
        np.testing.assert_array_equal(counts[0], expected)
        return
    often = expected > 5
    observed, means = (np.append(each[often], each[~often].sum()) for each in (counts[0], expected))
    assert stats.chisquare(observed[means > 0], means[means > 0]).pvalue > RARE


def test_biased_signs_have_a_probability_each() -> None:
    probability = rng_of(4).random((50, 64))
    ups = sum(signs_of(biased_octets(probability, 64, 50, rng), 64) > 0 for rng in map(rng_of, range(4000)))
    z = (ups - 4000 * probability) / np.sqrt(4000 * probability * (1 - probability))
    assert stats.kstest(z.reshape(-1), "norm").pvalue > RARE


def test_ties_are_decided_beyond_a_byte() -> None:
    """1/512 and 1/1024 differ in the second digit only."""
    rare, rarer = (signs_of(biased_octets(p, 1000, 4000, rng_of(5)), 1000).mean() for p in (1 / 512, 1 / 1024))
    assert rare > rarer > -1


@pytest.mark.parametrize("limit", [1.0, 0.8])
@pytest.mark.parametrize("law", MEAN_LAWS, ids=lambda law: law.name)
def test_means_have_their_moments(law: MeanLaw, limit: float) -> None:
    for share in (0.1, 0.6, 0.95):
        variance = share * law.largest_sigma_m2 * limit**2
        drawn = WeightMeans(law, variance, limit).draw(300, 1000, rng_of(6))
        assert np.abs(drawn).max() <= limit
        fourth, count = law.fourth_moment(variance, limit), drawn.size
        assert abs(drawn.mean()) < LIMIT * math.sqrt(variance / count)
        # A two-point law has no spread about its square but that of rounding.
        for power, moment in ((2, variance), (4, fourth)):
            values = drawn**power
            assert abs(values.mean() - moment) < LIMIT * values.std() / math.sqrt(count) + 1e-14


@pytest.mark.parametrize("law", MEAN_LAWS, ids=lambda law: law.name)
def test_means_at_the_ends_of_their_range(law: MeanLaw) -> None:
    assert not WeightMeans(law, 0.0, 1.0).draw(3, 4, rng_of(7)).any()
    if law.largest_sigma_m2 == 1:
        np.testing.assert_array_equal(np.abs(WeightMeans(law, 1.0, 1.0).draw(3, 4, rng_of(8))), 1)


@pytest.mark.parametrize("law", MEAN_LAWS, ids=lambda law: law.name)
def test_means_beyond_their_range(law: MeanLaw) -> None:
    for limit in (1.0, 0.5):
        with pytest.raises(ValueError, match=rf"the {law.name} law on \[-{limit:g}, {limit:g}\] has at most"):
            WeightMeans(law, 1.001 * law.largest_sigma_m2 * limit**2, limit)


def test_unbounded_means() -> None:
    gaussian = WeightMeans(mean_law("clipped-gaussian"), 4.0, None).draw(300, 1000, rng_of(9))
    assert stats.kstest(gaussian.reshape(-1) / 2, "norm").pvalue > RARE
    uniform = WeightMeans(mean_law("uniform"), 4.0, None).draw(300, 1000, rng_of(10))
    assert stats.kstest(uniform.reshape(-1), "uniform", (-math.sqrt(12), 2 * math.sqrt(12))).pvalue > RARE
    with pytest.raises(ValueError, match="beta law of the means needs bounded weights"):
        WeightMeans(mean_law("beta"), 0.5, None)


def test_streamed_moments_are_those_of_the_values() -> None:
    values = rng_of(11).normal(3, 2, (50, 2, 4))
    moments = Moments.none((2, 4))
    for row in values:
        moments = moments.with_next(row)
    kept = Measurement(values)
    for name in ("mean", "std", "error"):
        np.testing.assert_allclose(getattr(moments, name), getattr(kept, name), rtol=1e-13)
    np.testing.assert_allclose(moments.z(np.full((2, 4), 3.0)), kept.z(np.full((2, 4), 3.0)), rtol=1e-10)
    assert np.isnan(Moments.none((1,)).with_next(np.ones(1)).std).all()


def test_an_error_of_what_is_expected_counts() -> None:
    one = np.ones(1)
    alone, shared = (student_z(one, 3 * one, 10**6, 0 * one, error) for error in (0.0, 4.0))
    np.testing.assert_allclose([alone, shared], [[1 / 3], [1 / 5]], rtol=1e-5)


def test_threads_keep_the_order_and_few_under_way() -> None:
    taken = []

    def numbered() -> range:
        for k in range(100):
            taken.append(k)
            yield k

    for seen, result in enumerate(in_order(lambda k: k * k, numbered(), workers=3)):
        assert result == seen**2
        assert len(taken) <= seen + 6
    assert len(taken) == 100


def test_what_fails_in_a_thread_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda k: 1 / k, [2, 1, 0, 1], workers=2))


@pytest.mark.parametrize("name", ["tpu", "cuda:", "cuda:x", "cuda:99"])
def test_devices_that_are_not_there(name: str) -> None:
    with pytest.raises(ValueError, match=f"--device {name}: .*cpu"):
        device_of(name)


def test_octets_hold_one_bit_an_input() -> None:
    assert [groups_of(inputs) for inputs in (1, 8, 9, 1000)] == [1, 1, 2, 125]
