"""A process that measures one case: what `process.measure_apart` starts."""

from .process import answer

answer()
