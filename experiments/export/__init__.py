"""Trained networks as files of others: the network of signs, or the surrogate, for Torch, ONNX and NumPy."""
