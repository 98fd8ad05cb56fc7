"""The figures that exist, by id, and how one is made: measured, saved, drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from meanbits.files import unwritable_folder
from meanbits.numerics.whole_files import write_bytes
from meanbits.options import fail
from meanbits.present import notices

if TYPE_CHECKING:
    import xarray as xr

    from meanbits.experiments.report import Figure
    from meanbits.theory.declarations.surrogates import Surrogate

Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Settings:
    """What a run was asked for; the data set is chosen by `data_dir` where none is named, None where none is used.

    results: those of a sweep that are shown in place of the preset's.
    """

    preset: str
    dataset: str | None
    data_dir: Path | None
    seed: int
    folder: Path
    results: Path | None = None

    @classmethod
    def checked(
        cls, preset: str, dataset: str | None, data_dir: Path | None, seed: int, folder: Path, images: bool = True
    ) -> Settings:
        """The settings, refused in one line where a file or folder does not serve."""
        reason = unwritable_folder(folder)
        if reason is not None:
            fail(f"--output {folder}: {reason}")
        if not images:
            return cls(preset, None, None, seed, folder)
        from meanbits.experiments.data import PUBLISHED_SHA256, DataError, load

        chosen = dataset or ("digits" if data_dir is None else "mnist")
        if chosen == "digits" and data_dir is not None:
            fail(f"--data-dir {data_dir}: digits come with scikit-learn; leave it out, or name another --dataset")
        if chosen not in PUBLISHED_SHA256 and data_dir is not None:
            fail(f"--data-dir {data_dir} is for mnist and fashion-mnist; leave it out beside --dataset {chosen}")
        try:
            found = load(chosen, data_dir)
        except DataError as error:
            fail(f"--dataset {chosen}: {error}")
        notices(found.notes)
        return cls(preset, chosen, data_dir, seed, folder)

    def shown(self) -> dict[str, str | int]:
        """The settings, paths as text."""
        idle = "preset" if self.results is not None else "results"
        given = {name: value for name, value in asdict(self).items() if value is not None and name != idle}
        return {name: value if isinstance(value, int) else str(value) for name, value in given.items()}


@dataclass(frozen=True)
class FigureKind:
    """A figure: what it shows, and the modules that measure and draw it, imported when used.

    surrogate: the options of `compose` for the surrogate shown unless another is asked for; None where the figure
    compares several of its own. images: whether it passes images of a data set through networks. trains: whether it
    trains networks, which takes minutes at preset quick and days at preset paper. sweeps: whether it shows results of a
    sweep too. paper: the key of the paper that it
    is of, where that is another than the one the workbench began with; its id is that key and a number.
    """

    id: str
    title: str
    description: str
    measured_in: str
    drawn_in: str
    surrogate: Mapping[str, Any] | None = field(default=None, hash=False)
    images: bool = False
    trains: bool = False
    sweeps: bool = False
    paper: str | None = None

    @property
    def file_name(self) -> str:
        """The name of its files, without suffix."""
        return f"figure_{self.id}"

    def measure(self, surrogate: Surrogate | None, settings: Settings, tick: Tick) -> xr.Dataset:
        """Its data, labelled, with the settings as attributes. ValueError for a surrogate that it cannot show."""
        from meanbits.theory.declarations.compose import compose

        if surrogate is None and self.surrogate is not None:
            surrogate = compose(**self.surrogate)
        images = {"images": settings.dataset, "data_dir": settings.data_dir} if self.images else {}
        module = import_module(f"meanbits.experiments.figures.{self.measured_in}")
        if settings.results is not None:
            return module.of_sweep(_loaded(settings.results), settings.seed).assign_attrs(figure=self.id)
        measured = module.measure(surrogate, settings.preset, settings.seed, tick, **images)
        return measured.assign_attrs(figure=self.id)

    def draw(self, dataset: xr.Dataset, folder: Path) -> list[Path]:
        """Draw a dataset that `measure` gave, as PDF and PNG; both appear when both are drawn."""
        module = import_module(f"meanbits.paper_figures.{self.drawn_in}")
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as drafts:
            drawn = {path.suffix: path.read_bytes() for path in module.draw(dataset, Path(drafts))}
        for suffix, content in drawn.items():
            write_bytes(folder / f"{self.file_name}{suffix}", content)
        return [folder / f"{self.file_name}{suffix}" for suffix in drawn]

    def caption(self, dataset: xr.Dataset) -> str:
        """What is seen, settings included."""
        return import_module(f"meanbits.paper_figures.{self.drawn_in}").caption(dataset)

    def check_target(self, folder: Path) -> None:
        """ValueError where a file that is not ours stands in the place of its data."""
        from meanbits.numerics.datasets import is_ours

        data = folder / f"{self.file_name}.nc"
        if data.exists() and not is_ours(data):
            raise ValueError(f"--output {folder}: {data.name} exists there and is no dataset of meanbits; "
                             "name another folder")  # fmt: skip

    def made(self, surrogate: Surrogate | None, settings: Settings, tick: Tick) -> Figure:
        """Measure and draw; the data are saved before, so that they survive a drawing that fails."""
        from meanbits.experiments.report import Figure
        from meanbits.numerics.datasets import save

        self.check_target(settings.folder)
        data = settings.folder / f"{self.file_name}.nc"
        dataset = self.measure(surrogate, settings, tick)
        save(dataset, data)
        return Figure(self.title, self.caption(dataset), (*self.draw(dataset, settings.folder), data))


def check_targets(kinds: Sequence[FigureKind], folder: Path) -> None:
    """Refuse, before any work, a folder in which a file that is not ours stands in the place of one of these."""
    try:
        for kind in kinds:
            kind.check_target(folder)
    except ValueError as error:
        fail(str(error))


def _loaded(path: Path) -> xr.Dataset:
    """The results of a sweep; ValueError where they are none."""
    from meanbits.numerics.datasets import read

    found = read(path)
    if found is None or "grid" not in found.attrs or "figure" in found.attrs:
        raise ValueError(f"--results {path}: no results of a sweep; name a file that meanbits sweep or collect has "
                         "written")  # fmt: skip
    return found


KINDS = (
    FigureKind("1", "Figure 1", "q and c per layer and the correlation map, theory against random networks",
               "propagation", "figure_1", {"name": "deterministic"}, images=True),
    FigureKind("1-lrt", "Figure 1, LRT", "figure 1 of LRT with binary neurons",
               "propagation", "figure_1", {"name": "lrt"}, images=True),
    FigureKind("1-lrt-continuous", "Figure 1, LRT with tanh neurons", "figure 1 of LRT with continuous neurons",
               "propagation", "figure_1", {"name": "shayer"}, images=True),
    FigureKind("2", "Figure 2", "training accuracy over depth and sigma_m2 with 6 xi_c, four surrogates",
               "training_accuracy", "training_accuracy", images=True, trains=True, sweeps=True),
    FigureKind("3", "Figure 3", "accuracy of the surrogate, its sign network and 5 and 100 sampled networks",
               "counterparts", "counterparts", images=True, trains=True, sweeps=True),
    FigureKind("4", "Figure 4", "critical curves by neuron noise, in paper form, matched and exact",
               "critical_curves", "critical_curves"),
    FigureKind("5", "Figure 5", "depth scales xi_c and xi_q against sigma_m, one curve per sigma_b2",
               "depth_scales", "depth_scales"),
    FigureKind("replicas", "Replica collapse", "deterministic, LRT and the stochastic network on one orbit of g",
               "replica_collapse", "replica_collapse"),
    FigureKind("gain", "Critical gain", "the smallest gain with a critical initialisation, and its curve above it",
               "critical_gain", "critical_gain"),
    FigureKind("phase", "Phase diagram", "depth scale xi_c over (sigma_m2, gain), with the line chi_1 = 1",
               "gain_phase", "gain_phase", {"name": "deterministic", "gain": 1}),
    FigureKind("depth-gain", "Accuracy over depth and gain", "training accuracy over depth and gain with 6 xi_c",
               "depth_gain", "depth_gain", images=True, trains=True),
    FigureKind("depth-blocks", "Accuracy over depth of chains of blocks",
               "sign networks over depth, and what theory said before", "depth_blocks", "depth_blocks", images=True,
               trains=True),
    FigureKind("spectra", "Jacobian spectra", "singular values of Jacobians, free probability against random networks",
               "jacobian_spectra", "jacobian_spectra"),
    FigureKind("distance", "Distance from the stochastic network", "divergence of surrogates from the exact chain",
               "chain_distance", "chain_distance"),
    FigureKind("blumenfeld-2019-1", "Correlations over depth about the best weights",
               "networks of 16 levels, and random networks",
               "blumenfeld_2019.propagation", "blumenfeld_2019.propagation", paper="blumenfeld-2019"),
    FigureKind("blumenfeld-2019-2", "Best step over the number of levels",
               "what the best quantiser of N levels loses, and its step, with the paper's fits",
               "blumenfeld_2019.best_step", "blumenfeld_2019.best_step", paper="blumenfeld-2019"),
    FigureKind("blumenfeld-2019-3", "Accuracy over depth and the number of levels",
               "training accuracy of networks of 2 to 16 levels, and multiples of xi",
               "blumenfeld_2019.trained_depth", "blumenfeld_2019.trained_depth", images=True, trains=True,
               paper="blumenfeld-2019"),
    FigureKind("blumenfeld-2019-4", "Local exponent of depth over the number of levels",
               "d ln xi/d ln N from 2 to 100,000 levels, equal steps and best ones",
               "blumenfeld_2019.exponent", "blumenfeld_2019.exponent", paper="blumenfeld-2019"),
    FigureKind("blumenfeld-2019-5", "Forward and backward over the weights",
               "chi and chi_g over the weights, and where either is best",
               "blumenfeld_2019.straight_through", "blumenfeld_2019.straight_through", paper="blumenfeld-2019"),
    FigureKind("yang-2019-1", "Gradients behind batch norm", "squared gradients over layers, theory against networks",
               "yang_2019.gradients", "yang_2019.gradients", paper="yang-2019"),
    FigureKind("poole-2016-1", "Lengths and correlations of tanh networks",
               "length map, lengths and correlations over layers, and random networks",
               "poole_2016.lengths", "poole_2016.lengths", paper="poole-2016"),
    FigureKind("poole-2016-2", "The phases of tanh networks",
               "fixed points over sigma_w and sigma_b, and the edge of chaos",
               "poole_2016.phases", "poole_2016.phases", paper="poole-2016"),
    FigureKind("poole-2016-3", "A circle through tanh networks",
               "curvature, stretching and turning over depth, and random networks",
               "poole_2016.curves", "poole_2016.curves", paper="poole-2016"),
    FigureKind("schoenholz-2017-1", "Depth scales of tanh networks",
               "xi_q and xi_c over the weights, theory against random layers",
               "schoenholz_2017.scales", "schoenholz_2017.scales", paper="schoenholz-2017"),
    FigureKind("schoenholz-2017-2", "Dropout and the edge of chaos",
               "correlation and depth scale over the weights by the rate of dropout",
               "schoenholz_2017.dropout", "schoenholz_2017.dropout", paper="schoenholz-2017"),
    FigureKind("schoenholz-2017-3", "Gradients of tanh networks",
               "squared gradients in either phase and at the edge, and random networks",
               "schoenholz_2017.gradients", "schoenholz_2017.gradients", paper="schoenholz-2017"),
    FigureKind("schoenholz-2017-4", "Accuracy over depth and weights",
               "training accuracy of tanh networks, and 6 xi_c", "schoenholz_2017.trained", "schoenholz_2017.trained",
               images=True, trains=True, paper="schoenholz-2017"),
    FigureKind("hayou-2019-1", "Edges of chaos by activation",
               "curves of smooth and clipped activations, a point of relu",
               "hayou_2019.edges", "hayou_2019.edges", paper="hayou-2019"),
    FigureKind("hayou-2019-2", "Correlations on the edge of chaos",
               "1 - c over depth by activation, theory, its laws and random networks",
               "hayou_2019.gaps", "hayou_2019.gaps", paper="hayou-2019"),
    FigureKind("yang-schoenholz-2017-1", "Residual networks",
               "lengths, gradients and correlations over layers, and random networks",
               "yang_schoenholz_2017.residual", "yang_schoenholz_2017.residual", paper="yang-schoenholz-2017"),
    FigureKind("pennington-2017-1", "Singular values of deep Jacobians",
               "orthogonal and Gaussian weights on the edge of chaos, and random networks",
               "pennington_2017.isometry", "pennington_2017.isometry", paper="pennington-2017"),
    FigureKind("xiao-2018-1", "Modes of convolutional networks",
               "depth scales of waves over positions, and random networks",
               "xiao_2018.modes", "xiao_2018.modes", paper="xiao-2018"),
    FigureKind("sari-2019-1", "Gradients of binary networks over their width",
               "weights +-1, scaled and behind batch norm, against random networks",
               "sari_2019.growth", "sari_2019.growth", paper="sari-2019"),
)  # fmt: skip
FIGURES: MappingProxyType[str, FigureKind] = MappingProxyType({kind.id: kind for kind in KINDS})


def figure_kind(name: str) -> FigureKind:
    """The figure of this id; an unknown one is refused with the nearest."""
    from meanbits.theory.declarations.options import nearest

    if name not in FIGURES:
        fail(f"unknown figure '{name}'{nearest(name, FIGURES)}")
    return FIGURES[name]
