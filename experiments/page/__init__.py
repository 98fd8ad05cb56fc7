"""Pages for readers: one self-contained file, equations and pictures before the table of checks."""
