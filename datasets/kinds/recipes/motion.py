"""Body motion: a smartwatch's accelerometer and gyroscope during shoulder exercises.

Class = one person doing one exercise (10 people x 7 exercises; two arms each). Items = 2-second windows (50 Hz, 100
samples) side by side. Features per channel and for the two magnitudes: mean, deviation, quartiles, mean absolute
change, zero-crossing rate, six bands of the spectrum (log); and the channel correlations; standardised.
"""

import numpy as np
from common import Kind, pypi, standardise

BANDS = ((1, 2), (2, 3), (3, 5), (5, 9), (9, 17), (17, 51))


def describe(w: np.ndarray) -> np.ndarray:
    c = w - w.mean(0)
    power = np.abs(np.fft.rfft(c * np.hanning(100)[:, None], axis=0)) ** 2
    bands = [np.log(power[a:b].sum(0) + 1e-3) for a, b in BANDS]
    correlation = np.corrcoef(w[:, :6].T + 1e-9 * np.arange(100))[np.triu_indices(6, 1)]
    quartiles = np.quantile(w, (0.25, 0.5, 0.75), axis=0)
    change, crossings = np.abs(np.diff(w, axis=0)).mean(0), (c[1:] * c[:-1] < 0).mean(0)
    return np.concatenate([w.mean(0), w.std(0), *quartiles, change, crossings, *bands, correlation])


def build() -> Kind:
    folder, source = pypi("seglearn", "1.2.5")
    data = np.load(folder / "seglearn/data/watch_dataset.npy", allow_pickle=True).item()
    x, y = [], []
    for series, subject, exercise in zip(data["X"], data["subject"], data["y"], strict=True):
        sizes = np.linalg.norm(series[:, :3], axis=1), np.linalg.norm(series[:, 3:], axis=1)
        series = np.column_stack([series, *sizes])
        for start in range(0, len(series) - 99, 100):
            x.append(describe(series[start : start + 100]))
            y.append(f"{subject}-{exercise}")
    return Kind(
        standardise(x),
        y,
        "body motion (watch sensors)",
        source,
        "BSD-3-Clause",
        "window statistics and spectrum, standardised",
        "one recording a person, arm and exercise: sides of a class are two recordings",
    )
