"""The checks of notebook 14: a right, a nearly right, a wrong and an unusable answer to each."""

import numpy as np
import pandas as pd
from asking import Answers

TRUTH = np.array([0, 0, 0, 1, 1, 2])
MEANS = pd.DataFrame(
    {
        "test": "faces",
        "method": ["learned cut", "Infomap", "HDBSCAN", "k-means (true K)"],
        "family": ["learned", "unlearned", "unlearned", "unlearned"],
        "oracle": [False, False, False, True],
        "bcubed_f": [0.96, 0.9, 0.92, 0.99],
    }
)

RIGHT = {
    "14-alone": (2 * 0.5 / 1.5, (TRUTH,)),  # three classes, six images: recall a half
    "14-pairs": (3 / 4, (TRUTH,)),  # three pairs, one, none
    "14-error": (0.5, (MEANS, "faces")),  # .04 in place of .08: who is told the number of classes does not count
}


class TestAnswers(Answers):
    right = RIGHT
