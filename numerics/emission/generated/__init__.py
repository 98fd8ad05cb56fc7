"""The catalogue as code, emitted by `python -m meanbits.numerics.generate`; never edited."""
