"""The paper's results: a sourced table of published figures, and recipes that reproduce rows of it from the files.

```
published_results, published_claims        what was stated, and where
RECIPES, recipes(folder)                   which files and settings a published run needs, and which files are there
reproduce(name, folder, weights=...)       ours beside the published figure
```
>>> table = published_results(data="DeepFashion", metric="bcubed_f")
>>> table.sort_values("value")[["method", "value"]].values[-1].tolist()
['LCEPCE', 0.6456]
>>> RECIPES["inat2018-test"].inference.tau
0.1
"""

from .files import FeatureFile
from .recipes import RECIPES, Recipe, recipes
from .rerun import reproduce
from .table import METRICS, published_claims, published_results

__all__ = [
    "METRICS",
    "RECIPES",
    "FeatureFile",
    "Recipe",
    "published_claims",
    "published_results",
    "recipes",
    "reproduce",
]
