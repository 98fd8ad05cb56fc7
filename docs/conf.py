"""Sphinx: `make docs` executes every code cell and fails on a warning."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import meanbits

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import command_pages  # noqa: E402

from benchmarks.__main__ import GROUPS  # noqa: E402
from benchmarks.kept import page  # noqa: E402

project = "meanbits"
author = "The meanbits authors"
copyright = "2026, the meanbits authors"
release = meanbits.__version__
extensions = [
    "myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.mathjax",
    "sphinx_click", "sphinx_copybutton", "sphinx_gallery.gen_gallery",
]  # fmt: skip
html_theme = "furo"
html_title = f"meanbits {release}"
html_static_path = ["_static"]
html_css_files = ["wrap.css"]
exclude_patterns = ["_build", "speed_tables.md", "gallery/*.ipynb", "gallery/*.py"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
myst_fence_as_directive = ["math"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_execution_show_tb = True
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
suppress_warnings = ["config.cache"]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 5,
}


def plain(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Docstrings are plain text, in which stars, bars and names that end in an underscore mean themselves."""
    lines[:] = [re.sub(r"(?<=\w)_(?!\w)|[*|]", lambda found: "\\" + found.group(), line) for line in lines]


def setup(app: Any) -> None:
    """Sphinx calls this."""
    command_pages.write(HERE)
    (HERE / "speed_tables.md").write_text(page([name for name, *_ in GROUPS]), encoding="utf-8")
    app.connect("autodoc-process-docstring", plain, priority=900)
