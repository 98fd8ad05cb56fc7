"""Surrogates: a network and its treatment. The catalogue is the tuple `CATALOGUE`."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.network import BINARY, CONTINUOUS, FIXED, FIXED_SIGNS, SIGN, Neurons, Weights, stochastic
from theory.noise import LOGISTIC

TANH, _, RELU, *_ = CONTINUOUS


class SurrogateError(ValueError):
    """A combination of parts that makes no sense, with the reason."""


@dataclass(frozen=True)
class Treatment:
    """What is done with the Gaussian field and with the neurons.

    field: "integrated" out, "sampled" afresh for every input, or "sharp" (it has no variance).
    propagates: the "mean" of the neurons, or a "sample" of them.
    """

    name: str
    field: str
    propagates: str


MARGINALISE = Treatment("marginalise", "integrated", "mean")
SAMPLE = Treatment("sample", "sampled", "mean")
NETWORK = Treatment("network", "sampled", "sample")
SAMPLE_NEURONS = Treatment("sample-neurons", "integrated", "sample")
NONE = Treatment("none", "sharp", "mean")
TREATMENTS: tuple[Treatment, ...] = (MARGINALISE, SAMPLE, NETWORK, SAMPLE_NEURONS, NONE)


@dataclass(frozen=True)
class Form:
    """How the neuron's mean is integrated over the field.

    "exact"; "matched": slopes at 0 matched to an erf, integrated, matched back; "paper": phi(gain hbar/sqrt(Sigma)).
    """

    name: str
    phi: sp.Expr | None = None
    gain: sp.Expr = sp.S.One


EXACT = Form("exact")
MATCHED = Form("matched")


def paper_form(phi: sp.Expr, gain: sp.Expr = sp.S.One) -> Form:
    """phi(gain hbar / sqrt(Sigma)), phi an expression in h with values in [-1, 1]."""
    return Form("paper", phi, gain)


@dataclass(frozen=True)
class Surrogate:
    """A stochastic network, what is done with its field, and where that was proposed.

    gradient_through_sigma: whether training differentiates the field variance.
    real_input: a single layer on real inputs (mean m = x, second moment x^2) instead of a deep network.

    Raises:
        SurrogateError: if the parts do not fit together, with the reason.
    """

    name: str
    weights: Weights
    neurons: Neurons
    treatment: Treatment
    reference: str
    form: Form = EXACT
    gradient_through_sigma: bool = True
    real_input: bool = False

    def __post_init__(self) -> None:
        for applies, reason in self._objections():
            if applies:
                raise SurrogateError(f"{self.name}: {reason}")

    def _objections(self) -> tuple[tuple[bool, str], ...]:
        neurons, treatment, form = self.neurons, self.treatment, self.form
        random = self.weights.is_random or neurons.is_random
        return (
            (treatment.field == "sharp" and random,
             "treatment none needs a network without randomness (fixed weights; sign or continuous neurons); "
             "use marginalise, sample or network"),
            (treatment.field != "sharp" and not random and not neurons.is_binary,
             f"treatment {treatment.name} has nothing random to treat with fixed weights and {neurons.name} neurons; "
             "use treatment none"),
            (treatment.field != "integrated" and form.name != "exact",
             f"form {form.name} approximates an integral over the field, and {treatment.name} integrates none; "
             "use treatment marginalise or form exact"),
            (treatment.propagates == "sample" and treatment.field == "integrated" and form.name != "exact",
             f"sampled neurons need their exact probabilities, and form {form.name} approximates them; use form exact"),
            (treatment.propagates == "sample" and treatment.field == "integrated" and not neurons.is_binary,
             f"sampling {neurons.name} neurons needs the whole law of their marginal; use sign or stochastic neurons"),
            (form.name != "exact" and not neurons.is_binary,
             f"form {form.name} gives the mean of a binary neuron, and {neurons.name} neurons need a second moment; "
             "use form exact"),
            (form.name == "matched" and not neurons.slope_at_zero.is_finite,
             f"form matched matches slopes at 0, and {neurons.name} neurons have none; use form exact (it is closed)"),
        )  # fmt: skip


CATALOGUE: tuple[Surrogate, ...] = (
    Surrogate("continuous", FIXED, TANH, NONE,
              "Poole et al. 2016, arXiv 1606.05340; Schoenholz et al. 2017, arXiv 1611.01232"),
    Surrogate("deterministic", BINARY, SIGN, MARGINALISE, "Stamatescu et al. 2020, arXiv 1902.00177"),
    Surrogate("soudry", BINARY, SIGN, MARGINALISE, "Soudry, Hubara, Meir 2014, NeurIPS 27",
              gradient_through_sigma=False),
    Surrogate("baldassi", BINARY, SIGN, MARGINALISE, "Baldassi et al. 2018, arXiv 1710.09825", real_input=True),
    Surrogate("lrt", BINARY, stochastic(LOGISTIC), SAMPLE, "Stamatescu et al. 2020, arXiv 1902.00177"),
    Surrogate("shayer", BINARY, TANH, SAMPLE, "Shayer, Levi, Fetaya 2017, arXiv 1710.07739"),
    Surrogate("peters-welling", BINARY, SIGN, SAMPLE_NEURONS, "Peters & Welling 2018, arXiv 1809.03368"),
    Surrogate("moment-matching", BINARY, RELU, MARGINALISE, "Hernandez-Lobato & Adams 2015, arXiv 1502.05336"),
    Surrogate("random-binary", FIXED_SIGNS, SIGN, NONE,
              "Stamatescu et al. 2020, appendix; Blumenfeld et al. 2019, arXiv 1906.00771"),
    Surrogate("stochastic-binary", BINARY, stochastic(LOGISTIC), NETWORK, "Stamatescu et al. 2020, appendix"),
)  # fmt: skip
