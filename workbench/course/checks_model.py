"""Checks of the notebooks 04 to 07: LANDER, joint training, from links to clusters, level by level."""
