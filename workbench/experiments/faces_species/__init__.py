"""The article's experiment on real photographs: learn from some people or species, cluster others.

```
faces:   split 0 --learn--> models, split 1 --choose--> settings, split 2 --test--> as they are, capped, balanced, tail
flowers: the same; butterflies: test only
```
Every arm gets the same features. What is chosen (tau, settings of the baselines) is chosen on split 1, never on a test.
"""

from .arms import ARMS
from .run import faces_species_results, gains, means, run_faces_species
from .tasks import SplitFeatures, Task, embedded_set, face_tests, read_split_features

__all__ = [
    "ARMS",
    "SplitFeatures",
    "Task",
    "embedded_set",
    "face_tests",
    "faces_species_results",
    "gains",
    "means",
    "read_split_features",
    "run_faces_species",
]
