"""Theory to source text, run, checked against its definition, and written to `generated/`."""
