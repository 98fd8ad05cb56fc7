"""The parts that calls of Torch are: weights, norms, what joins two, pools; a kind a file."""
