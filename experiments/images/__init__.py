"""Labelled images of one's own: from arrays, files and Torch datasets, checked, scaled and split."""
