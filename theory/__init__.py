"""SymPy derivations: from the Markov chain of a binary network to its critical curve, one stage a file."""
