"""Checks of the notebooks 08 to 13: scores, baselines, ablation, errors, own data, published results."""
