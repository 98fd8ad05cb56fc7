"""The papers whose statements are settled and whose figures are drawn, by key."""

from __future__ import annotations

from dataclasses import dataclass

THEORY = "theory"  # the key of claims that are of no paper: those of the theory sheet and of the workbench


@dataclass(frozen=True)
class Paper:
    """A paper: the key it is asked for by, how a source cites it, its title and its number on arXiv."""

    key: str
    citation: str
    title: str
    arxiv: str


STAMATESCU = Paper(
    "stamatescu-2020",
    "Stamatescu et al. 2020",
    "Critical initialisation in continuous approximations of binary neural networks",
    "1902.00177",
)
BLUMENFELD = Paper(
    "blumenfeld-2019",
    "Blumenfeld, Gilboa, Soudry 2019",
    "A Mean Field Theory of Quantized Deep Networks: The Quantization-Depth Trade-Off",
    "1906.00771",
)
YANG = Paper(
    "yang-2019",
    "Yang et al. 2019",
    "A Mean Field Theory of Batch Normalization",
    "1902.08129",
)
POOLE = Paper(
    "poole-2016",
    "Poole et al. 2016",
    "Exponential expressivity in deep neural networks through transient chaos",
    "1606.05340",
)
SCHOENHOLZ = Paper("schoenholz-2017", "Schoenholz et al. 2017", "Deep Information Propagation", "1611.01232")
HAYOU = Paper(
    "hayou-2019",
    "Hayou, Doucet, Rousseau 2019",
    "On the Impact of the Activation Function on Deep Neural Networks Training",
    "1902.06853",
)
RESIDUAL = Paper(
    "yang-schoenholz-2017",
    "Yang, Schoenholz 2017",
    "Mean Field Residual Networks: On the Edge of Chaos",
    "1712.08969",
)
PENNINGTON = Paper(
    "pennington-2017",
    "Pennington, Schoenholz, Ganguli 2017",
    "Resurrecting the sigmoid in deep learning through dynamical isometry: theory and practice",
    "1711.04735",
)
XIAO = Paper(
    "xiao-2018",
    "Xiao et al. 2018",
    "Dynamical Isometry and a Mean Field Theory of CNNs: How to Train 10,000-Layer Vanilla Convolutional Neural "
    "Networks",
    "1806.05393",
)
SARI = Paper(
    "sari-2019",
    "Sari, Belbahri, Partovi Nia 2019",
    "How Does Batch Normalization Help Binary Training?",
    "1909.09139",
)
LITERATURE: tuple[Paper, ...] = (  # beside the paper that the workbench began with
    BLUMENFELD, YANG, POOLE, SCHOENHOLZ, HAYOU, RESIDUAL, PENNINGTON, XIAO, SARI,
)  # fmt: skip
KEYS = (STAMATESCU.key, THEORY, *(paper.key for paper in LITERATURE))


def paper_of(source: str) -> str:
    """The key of the paper that a source begins with, `THEORY` for none.

    >>> paper_of("Blumenfeld, Gilboa, Soudry 2019, abstract"), paper_of("theory sheet, section 8")
    ('blumenfeld-2019', 'theory')
    """
    return next((paper.key for paper in (STAMATESCU, *LITERATURE) if source.startswith(paper.citation)), THEORY)
