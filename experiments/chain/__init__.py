"""How far surrogates are from the stochastic network they stand for."""
