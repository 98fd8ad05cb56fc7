"""What a reader learns first of a surrogate or a chain: what it is, where it is critical, how deep it trains."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from meanbits.numerics.certificates.proof import Certificate
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.surrogates import Surrogate

Answers = list[tuple[str, str]]
TREATED = {
    "marginalise": "Weights and neurons are random, and integrated out layer by layer: a layer passes on means",
    "sample": "Weights are random; each layer draws its field from the Gaussian law that they give it",
    "sample-neurons": "Weights are random and averaged over; each neuron draws its state",
    "network": "Weights and neurons are random and drawn, as in the network that a surrogate stands for",
    "none": "Weights and neurons are plain numbers",
}
REACHED = {"attained": "Yes", "limit": "Only as a limit", "none": "Nowhere"}
SCALES = 6  # depth scales that a network trains through


def answers(
    subject: Surrogate | Layer, proof: Certificate | None, plane: xr.Dataset | None, at: xr.Dataset | None
) -> Answers:
    """Questions that a reader has, with what was found."""
    found = [("What it is", f"{_made_of(subject)}.{_treated(subject)}")]
    if proof is not None:
        proven = "proven" if proof.certified else "not proven"
        found.append(("Where it is critical", f"{REACHED[proof.feasible]} ({proven}): {proof.statement.rstrip('.')}."))
    depth = [*_deep(at), *_deepest(plane)]
    return [*found, ("How deep it trains", " ".join(depth))] if depth else found


def _made_of(subject: Surrogate | Layer) -> str:
    if isinstance(subject, Layer):
        return f"A network of equal layers, each a chain of blocks: {', then '.join(subject.block_names)}"
    return f"A network of {subject.neurons.name} neurons and {subject.weights.name} weights"


def _treated(subject: Surrogate | Layer) -> str:
    return f" {TREATED[subject.treatment.name]}." if subject.treatment.name in TREATED else ""


def _deep(at: xr.Dataset | None) -> list[str]:
    if at is None:
        return []
    scale, where = float(at.attrs["xi_c"]), _point(at.attrs["sigma_m2"], at.attrs["sigma_b2"])
    if np.isinf(scale):
        return [f"Any depth at {where}."]
    return [f"About {_layers(scale)} layers, six depth scales of {scale:.2g}, at {where}, where this page starts."]


def _deepest(plane: xr.Dataset | None) -> list[str]:
    if plane is None or not bool(np.isfinite(plane["xi_c"]).any()):
        return []
    scales = plane["xi_c"].where(np.isfinite(plane["xi_c"]))
    best = scales.isel(scales.argmax(...))  # type: ignore[arg-type]
    free = plane["xi_c"].sizes["sigma_m2"] > 1
    where = _point(float(best["sigma_m2"]) if free else np.nan, float(best["sigma_b2"]))
    return [f"Of the variances in the picture below the best are {where}: about {_layers(float(best))} layers."]


def _layers(scale: float) -> str:
    """How many layers six depth scales are, in two digits."""
    return f"{float(f'{SCALES * scale:.2g}'):,g}" if SCALES * scale < 1e5 else "any number of"


def _point(means: float, biases: float) -> str:
    shown = f"sigma_b2 = {biases:.3g}"
    return shown if np.isnan(means) else f"sigma_m2 = {means:.3g}, {shown}"


def code_of(subject: Surrogate | Layer, words: Mapping[str, object], sigma_m2: float, sigma_b2: float) -> str:
    """Python that uses a subject, by the words that name it; without words it is one that the reader declared."""
    given = f"sigma_m2={1.0 if np.isnan(sigma_m2) else sigma_m2:.4g}, sigma_b2={sigma_b2:.4g}"
    named = ", ".join(f"{value!r}" if key == "name" else f"{key}={value!r}" for key, value in words.items())
    made = f"subject = mb.compose({named})" if words else "subject = ...  # the declaration that this page is about"
    lines = ["import meanbits as mb", "", made, "theory = mb.derive(subject)  # the equations of this page, in SymPy"]
    if not getattr(subject, "real_input", False):
        lines += [f"found = mb.fixed_point(subject, {given})  # phase and depth scales"]
    if isinstance(subject, Layer) or (subject.form.name == "exact" and not subject.real_input):
        lines += [f"layers = mb.profile(subject, depth=30, {given})  # what is carried and passed back"]
    return "\n".join(lines)
