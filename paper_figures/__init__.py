"""The paper's figures: each module reads a dataset of `experiments`, draws it, and computes nothing."""
