"""What emitted modules copy: array functions of NumPy and Torch, each file standing alone but for its siblings."""
