"""The stochastic binary network, exactly."""
