"""Networks of signs: weights -1, (0,) 1 and sign neurons, in floating point and as packed bits."""
