"""Draw the data sets of the course once, into WORKBENCH_DATA: so that no lesson has to."""

import workbench as wb
from workbench.data import splits

for name in ("glyphs", "digits"):
    for split in splits(name):
        print(wb.load(name, split=split))
