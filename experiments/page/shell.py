"""The shell that pages share: one file of HTML, with its style and its scripts inside."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from meanbits.experiments.page.caption import prose

ASSETS, TEMPLATES = Path(__file__).parent / "assets", Path(__file__).parent / "templates"


@cache
def asset(name: str) -> Markup:
    """The text of a file that pages hold, as it is."""
    return Markup((ASSETS / name).read_text(encoding="utf-8"))


def script_text(text: str) -> Markup:
    """Source for the inside of a script element, which nothing in it can end."""
    return Markup(text.replace("</", "<\\/").replace("<!--", "<\\!--"))


def json_text(document: Any) -> Markup:
    """A document for the inside of a script element."""
    return Markup(json.dumps(document, allow_nan=False).replace("<", "\\u003c"))


def render(template: str, **content: Any) -> str:
    """A page by its template; everything in it is escaped unless it is markup."""
    return _environment().get_template(template).render(**content)


@cache
def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    made.globals["asset"] = asset
    made.filters["prose"] = prose
    return made
