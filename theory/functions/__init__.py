"""Functions of one variable: where they break, what they are between breaks and far out, where they are real."""
