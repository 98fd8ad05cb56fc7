"""What a network is declared by: weights, neurons, noise, blocks, and what is done with its field."""
