"""Surrogates: a network and its treatment. The catalogue is the tuple `CATALOGUE`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import sympy as sp

from meanbits.theory.declarations.brief import Brief
from meanbits.theory.declarations.given import expression, require, settle
from meanbits.theory.declarations.neurons import CONTINUOUS, ROUNDING, SIGN, Neurons, stochastic
from meanbits.theory.declarations.noise import LOGISTIC
from meanbits.theory.declarations.weights import BINARY, FIXED, FIXED_SIGNS, Weights
from meanbits.theory.errors import SurrogateError
from meanbits.theory.functions.probes import open_symbols, probe
from meanbits.theory.symbols import h

TANH, _, RELU, *_ = CONTINUOUS


FIELDS, PROPAGATES, FORMS = ("integrated", "sampled", "sharp"), ("mean", "sample"), ("exact", "matched", "paper")


@dataclass(frozen=True, repr=False)
class Treatment(Brief):
    """What is done with the Gaussian field and with the neurons.

    field: "integrated" out, "sampled" afresh for every input, or "sharp" (it has no variance).
    propagates: the "mean" of the neurons, or a "sample" of them.
    """

    name: str
    field: str
    propagates: str

    def __post_init__(self) -> None:
        for part, value, known in (("field", self.field, FIELDS), ("propagates", self.propagates, PROPAGATES)):
            if value not in known:
                raise SurrogateError(f"treatment {self.name}: {part} = {value!r}; choose {' or '.join(known)}")
        if (self.field, self.propagates) == ("sharp", "sample"):
            raise SurrogateError(f"treatment {self.name}: a sharp field leaves no neuron to sample; propagate the mean")


MARGINALISE = Treatment("marginalise", "integrated", "mean")
SAMPLE = Treatment("sample", "sampled", "mean")
NETWORK = Treatment("network", "sampled", "sample")
SAMPLE_NEURONS = Treatment("sample-neurons", "integrated", "sample")
NONE = Treatment("none", "sharp", "mean")
TREATMENTS: tuple[Treatment, ...] = (MARGINALISE, SAMPLE, NETWORK, SAMPLE_NEURONS, NONE)


@dataclass(frozen=True, repr=False)
class Form(Brief):
    """How the neuron's mean is integrated over the field.

    "exact"; "matched": slopes at 0 matched to an erf, integrated, matched back; "paper": phi(gain hbar/sqrt(Sigma)).

    Raises:
        SurrogateError: another name, a phi that leaves [-1, 1], or a gain that is not positive.
    """

    name: str
    phi: sp.Expr | None = None
    gain: sp.Expr = sp.S.One

    def __post_init__(self) -> None:
        if self.name not in FORMS:
            raise SurrogateError(f"form {self.name!r}: choose {', '.join(FORMS)}")
        if (self.name == "paper") != (self.phi is not None):
            raise SurrogateError(f"form {self.name}: phi belongs to form paper, which needs one")
        settle(self, f"form {self.name}", "phi", "gain")
        if not self.gain.is_positive:
            raise SurrogateError(f"form {self.name}: the gain {self.gain} must be positive")
        if self.phi is not None and not self.phi.atoms(sp.core.function.AppliedUndef):
            for point, (value,) in probe((self.phi,)):
                if abs(value) > 1 + ROUNDING:
                    raise SurrogateError(f"{self.phi} leaves [-1, 1] at h = {point:.3g}, and it is the mean of a bit")


EXACT = Form("exact")
MATCHED = Form("matched")


def paper_form(phi: sp.Expr, gain: sp.Expr = sp.S.One) -> Form:
    """phi(gain hbar / sqrt(Sigma)), phi an expression in h with values in [-1, 1]."""
    return Form("paper", phi, gain)


@dataclass(frozen=True, repr=False)
class Surrogate(Brief):
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
    reference: str = field(repr=False)
    form: Form = EXACT
    gradient_through_sigma: bool = True
    real_input: bool = False

    def __post_init__(self) -> None:
        for part, kind in {"weights": Weights, "neurons": Neurons, "treatment": Treatment, "form": Form}.items():
            require(f"surrogate {self.name}: {part}", getattr(self, part), kind)
        for applies, reason in self._objections():
            if applies:
                raise SurrogateError(f"{self.name}: {reason}")

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The symbols of the declaration without a value, by name: keywords of the emitted functions."""
        form = () if self.form.phi is None else (self.form.phi, self.form.gain)
        backward = () if self.neurons.backward is None else (self.neurons.backward,)
        return open_symbols(self.weights.second, self.neurons.mean, self.neurons.second_moment, *backward, *form)

    @property
    def passes_gradient(self) -> bool:
        """Whether gradients see a slope of the neurons: by the integral over the field, their own, or one declared."""
        return self.treatment.field == "integrated" or self.neurons.backward is not None or not self.neurons.is_flat

    def at(self, **values: Any) -> Surrogate:
        """The surrogate with values in place of open symbols.

        Raises:
            SurrogateError: a name that is none of `parameters`.
        """
        known = {symbol.name: symbol for symbol in self.parameters}
        for name in values:
            if name not in known:
                raise SurrogateError(f"{self.name} has no parameter {name}; it has {', '.join(known) or 'none'}")
        chosen = {known[name]: expression(f"{self.name}: {name}", value) for name, value in values.items()}
        label = ", ".join(f"{name} {value}" for name, value in values.items())
        return replace(self, name=f"{self.name} ({label})", weights=_at(self.weights, chosen),
                       neurons=_at(self.neurons, chosen), form=_at(self.form, chosen))  # fmt: skip

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
            (treatment.field == "integrated" and self.real_input and not self.weights.is_random,
             f"fields of {self.weights.name} and real inputs are known, so that treatment {treatment.name} has "
             f"nothing to integrate; use treatment {'sample' if neurons.is_random else 'none'}"),
            (treatment.field != "integrated" and form.name != "exact",
             f"form {form.name} approximates an integral over the field, and {treatment.name} integrates none; "
             "use treatment marginalise or form exact"),
            (treatment.field == "integrated" and neurons.backward is not None,
             f"treatment {treatment.name} integrates the field out, and its gradients are those of the marginal, so "
             "that a backward slope would be ignored; use treatment none, sample or network"),
            (treatment.propagates == "sample" and treatment.field == "integrated" and form.name != "exact",
             f"sampled neurons need their exact probabilities, and form {form.name} approximates them; use form exact"),
            (treatment.propagates == "sample" and treatment.field == "integrated" and not neurons.is_binary,
             f"sampling {neurons.name} neurons needs the whole law of their marginal; use sign or stochastic neurons"),
            (form.name != "exact" and not neurons.is_binary,
             f"form {form.name} gives the mean of a binary neuron, and {neurons.name} neurons need a second moment; "
             "use form exact"),
            (form.name == "matched" and not neurons.slope_at_zero.is_finite,
             f"form matched matches slopes at 0, and {neurons.name} neurons have none; use form exact (it is closed)"),
            (form.name == "matched" and neurons.noise is not None and not neurons.noise.is_symmetric,
             f"form matched matches an erf, and {neurons.name} neurons are skew; use form exact"),
        )  # fmt: skip


Part = TypeVar("Part", Weights, Neurons, Form)


def in_paper_form(surrogate: Surrogate, gain: float = 1.0) -> Surrogate:
    """The same network in paper form at a gain, of the phi that is there or of that of signs."""
    phi = sp.erf(h / sp.sqrt(2)) if surrogate.form.phi is None else surrogate.form.phi
    name = f"{surrogate.name.split(' (')[0]} (form paper, gain {gain:g})"
    return replace(surrogate, name=name, form=paper_form(phi, sp.Rational(repr(gain))))


def _at(part: Part, values: dict[sp.Symbol, sp.Expr]) -> Part:
    """A part with its expressions substituted."""

    def substituted(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(substituted, value))
        return value.subs(values) if isinstance(value, sp.Basic) else value

    return replace(part, **{each.name: substituted(getattr(part, each.name)) for each in fields(part)})


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
