"""Monte Carlo, training and sweeps, and their records."""
