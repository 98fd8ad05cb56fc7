"""What a check gives: rows, findings, and how people and programs read them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.repeated import Repeated
from meanbits.experiments.check.rows import Row, first_parted
from meanbits.experiments.check.text import summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Check:
    """layers: a row for each part of the model, in the order in which they ran. findings: what is wrong, the first
    cause first. repeated: the layer that is repeated, where there is one. labelled: whether gradients are of labels.
    """

    layers: tuple[Row, ...]
    findings: tuple[Finding, ...]
    repeated: Repeated | None
    labelled: bool

    @property
    def ok(self) -> bool:
        """Whether no cause was found."""
        return not self.findings

    @property
    def layer(self) -> str | None:
        """The path of the module where it goes wrong first."""
        return self.findings[0].layer if self.findings else None

    @property
    def cause(self) -> str | None:
        """What is wrong, in a sentence."""
        return self.findings[0].cause if self.findings else None

    @property
    def remedy(self) -> str | None:
        """What to change, in words; `code` has it to paste."""
        return self.findings[0].remedy if self.findings else None

    @property
    def code(self) -> str | None:
        """The remedy as code."""
        return self.findings[0].code if self.findings else None

    @property
    def parted(self) -> Row | None:
        """The first row where measurement and theory part."""
        return first_parted(self.layers)

    def document(self) -> dict[str, Any]:
        """As plain values: infinities as "inf", None for what is undefined."""
        repeated = self.repeated
        scales = None if repeated is None else {
            **asdict(repeated), "layers": list(repeated.layers), "kinds": list(repeated.kinds), "xi_c": repeated.xi_c,
            "xi_g": repeated.xi_g,
        }  # fmt: skip
        found = {
            "ok": self.ok, "layer": self.layer, "cause": self.cause, "remedy": self.remedy, "code": self.code,
            "findings": [{**asdict(each), "cause": each.cause} for each in self.findings],
            "parted": self.parted and {"layer": self.parted.layer, "in": list(self.parted.parted)},
            "repeated": scales, "labelled": self.labelled, "layers": [asdict(row) for row in self.layers],
        }  # fmt: skip
        return plain(found)

    def to_json(self) -> str:
        """One JSON document."""
        return json.dumps(self.document(), indent=2, allow_nan=False)

    def plot(self) -> Figure:
        """q, c and gradients over the layers, measured and predicted."""
        from meanbits.experiments.check.figure import draw

        return draw(self.layers)

    def to_html(self) -> str:
        """A page that stands for itself."""
        from meanbits.experiments.check.page import page

        return page(self.layers, self.findings, self.repeated)

    def _repr_html_(self) -> str:
        from meanbits.experiments.check.page import fragment

        return fragment(self.layers, self.findings, self.repeated)

    def __str__(self) -> str:
        return summary(self.layers, self.findings, self.repeated)

    __repr__ = __str__


def plain(value: Any) -> Any:
    """For JSON."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
