"""Sentences as markup: captions, whose symbols stand between dollars as in LaTeX, and prose that names symbols."""

from __future__ import annotations

import re
import unicodedata

from markupsafe import Markup, escape

SIGNS = {"ell": "ℓ", "pm": "±", "downarrow": "↓", "varphi": "φ", "bar": "", "rm": "", "sqrt": "√", "to": "→",
         "infty": "∞"}  # fmt: skip
OVERLINED = re.compile(r"\\bar\s*\{?(\w)\}?")
COMMAND = re.compile(r"\\([A-Za-z]+) *")
SCRIPT = re.compile(r"([_^])(?:\{([^}]*)\}|(\w))")
GREEK = ("sigma", "Sigma", "chi", "xi", "rho", "mu", "phi", "kappa", "alpha", "tau", "psi", "epsilon", "eta", "nu")
NAMED = re.compile(rf"\b({'|'.join(GREEK)}|hbar|[A-Za-z])(?:_(\w{{1,3}})\b|\b)")
SQUARED = re.compile(r"\bsigma_([mb])2\b")
RAISED = re.compile(r"\^(?:(\w)|\(([^()]*)\))")
RELATIONS = {"&gt;=": "≥", "&lt;=": "≤", "+-": "±", "-&gt;": "→", "`": ""}
TAGS = {"_": "sub", "^": "sup"}


def caption_markup(text: str) -> Markup:
    """A caption as markup: what stands between dollars with Greek letters, indices and powers."""
    parts = [_symbols(part) if number % 2 else escape(part) for number, part in enumerate(text.split("$"))]
    return Markup("").join(parts)


def prose(text: str | Markup) -> Markup:
    """A sentence that names symbols in the project's plain notation, sigma_m2 <= 1, as markup; markup as it is."""
    if isinstance(text, Markup):
        return text
    marked = SQUARED.sub(r"σ<sub>\1</sub>²", str(escape(text)))
    marked = NAMED.sub(_name, marked)
    marked = RAISED.sub(lambda found: f"<sup>{found[1] or found[2]}</sup>", marked)
    marked = marked.replace("sum_j", "∑<sub>j</sub>")
    for plain, sign in RELATIONS.items():
        marked = marked.replace(plain, sign)
    return Markup(marked)


def _name(found: re.Match[str]) -> str:
    name, below = found[1], found[2]
    letter = "h\u0304" if name == "hbar" else _letter(name) if name in GREEK else name
    return letter + (f"<sub>{below}</sub>" if below else "")


def _symbols(source: str) -> Markup:
    text = OVERLINED.sub("\\1\u0304", source.replace("\\,", "\u2009"))
    text = str(escape(COMMAND.sub(lambda found: _letter(found[1]), text)))
    text = SCRIPT.sub(lambda found: f"<{TAGS[found[1]]}>{found[2] or found[3]}</{TAGS[found[1]]}>", text)
    return Markup(text.replace("{", "").replace("}", "").replace("-", "−"))


def _letter(name: str) -> str:
    """A command of LaTeX as a character; functions by their name."""
    if name in SIGNS:
        return SIGNS[name]
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {name.upper()}")
    except KeyError:
        return name
