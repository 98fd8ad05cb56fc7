"""The catalogue as code, emitted by `python -m numerics.generate`; never edited."""
