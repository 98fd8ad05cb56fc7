"""Surrogates and layers that users declare in Python: FILE.py:NAME, MODULE:NAME, or an installed entry point.

The one place where code of users runs, and only because they named it: on the command line, or in a sweep's file.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from meanbits.numerics.whole_files import read_bytes
from meanbits.theory.errors import shown

if TYPE_CHECKING:
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate

PATH = 200  # characters of one that a message shows
GROUP = "meanbits.surrogates"
Loaded = TypeVar("Loaded")
EXAMPLE = "write FILE.py:NAME or MODULE:NAME, NAME a Surrogate or a Layer"


class DeclarationError(ValueError):
    """What is wrong with a surrogate that was to be loaded, in one line."""


def declared(text: str) -> Surrogate | Layer | None:
    """The surrogate or layer that FILE.py:NAME, MODULE:NAME or an installed entry point names; None for any other text.

    Raises:
        DeclarationError: no such file, module or name; an exception there, with its line; neither of the two.
    """
    value = value_called(text)
    if value is not None:
        return _surrogate(text, value)
    if text.endswith(".py"):
        raise DeclarationError(f"{shown(text, PATH)} names no surrogate; {EXAMPLE}")
    found = installed().get(text)
    return None if found is None else _surrogate(text, _loaded(found.load, f"entry point {shown(text, PATH)}"))


def value_called(text: str, example: str = EXAMPLE) -> Any | None:
    """What FILE.py:NAME or MODULE:NAME names; None for any other text.

    Raises:
        DeclarationError: no such file, module or name, or an exception there, with its line.
    """
    if not names_code(text):
        return None
    source, _, name = text.rpartition(":")
    module = _of_file(Path(source), example) if source.endswith(".py") else _of_module(source, example)
    if vars(module).get(name) is None:
        raise DeclarationError(_unknown(module, source, name, example))
    return vars(module)[name]


def names_code(text: str) -> bool:
    """Whether a text is FILE.py:NAME or MODULE:NAME, code that runs when it is loaded."""
    source, colon, name = text.rpartition(":")
    return bool(colon and source) and name.isidentifier()


def called(make: Callable[[], Loaded], what: str) -> Loaded:
    """What a function of the user gives.

    Raises:
        DeclarationError: an exception there, with its line.
    """
    return _loaded(make, shown(what, PATH))


def installed() -> dict[str, EntryPoint]:
    """The surrogates of installed packages, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def _of_file(path: Path, example: str) -> ModuleType:
    try:
        source = read_bytes(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DeclarationError(f"{shown(path, PATH)}: {reason}; {example}") from None
    name = f"meanbits_declared_{sha256(str(path.resolve()).encode(errors='replace') + source).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)

    def run() -> ModuleType:
        sys.modules[name] = module
        exec(compile(source, str(path), "exec"), module.__dict__)
        return module

    with _importing_from(path.parent):
        try:
            return _loaded(run, shown(path, PATH))
        except DeclarationError:
            del sys.modules[name]
            raise


def _of_module(name: str, example: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise DeclarationError(f"{shown(name, PATH)} is no module; {example}")
    with _importing_from(Path()):
        return _loaded(lambda: importlib.import_module(name), f"module {name}")


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """As Python does for a script: its folder first."""
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(folder.resolve()))


def _loaded(load: Callable[[], Loaded], what: str) -> Loaded:
    """What loading gives; the standard output is for results, so what user code prints goes to standard error."""
    try:
        with redirect_stdout(sys.stderr):
            return load()
    except (Exception, SystemExit) as error:
        raise DeclarationError(f"{what}{_place(error)}: {type(error).__name__}: {_first_line(error)}") from None


def _place(error: BaseException) -> str:
    """The line of the user's code in which an exception arose."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f", line {error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if "importlib" not in frame.filename]
    return f", line {own[0].lineno}" if own else ""


def _first_line(error: BaseException) -> str:
    return shown(next(iter(str(error).splitlines()), "") or "no message", PATH)


def _unknown(module: ModuleType, source: str, name: str, example: str) -> str:
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate

    known = [key for key, value in vars(module).items() if isinstance(value, Surrogate | Layer)]
    hint = f"its surrogates: {', '.join(known) or 'none'}"
    if example != EXAMPLE:
        known = [key for key in vars(module) if not key.startswith("_")]
        hint = example
    close = difflib.get_close_matches(name, known, n=1)
    return f"{shown(source, PATH)} has no {name}; {f'did you mean {close[0]}?' if close else hint}"


def _surrogate(text: str, value: object) -> Surrogate | Layer:
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate

    if not isinstance(value, Surrogate | Layer):
        raise DeclarationError(f"{shown(text, PATH)} is of type {type(value).__name__}, not a Surrogate; {EXAMPLE}")
    return value
