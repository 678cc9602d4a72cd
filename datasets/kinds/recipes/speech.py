"""Synthetic speakers: eSpeak NG's voice variants, class = variant. Needs: python_speech_features; the program
espeak-ng.

Each of the about 100 variants says 12 to 80 (log-uniform) random glosses of WordNet in English, at a random speed and
pitch around the variant's own. Features: means and deviations of 19 MFCCs and deviations of their changes,
standardised.
"""

import io
import subprocess
import warnings

import numpy as np
from common import SEED, Kind, deb, installed, log_uniform, mfcc_stats, standardise
from scipy.io import wavfile


def said(variant: str, speed: int, pitch: int, text: str) -> bytes:
    command = ["espeak-ng", "-v", f"en-us+{variant}", "-s", str(speed), "-p", str(pitch), "--stdout", text]
    return subprocess.run(command, capture_output=True, check=False).stdout


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    folder, source = deb("wordnet-base")
    nouns = (folder / "usr/share/wordnet/data.noun").read_text(encoding="utf8").splitlines()
    glosses = [noun.split("|")[1].split(";")[0].strip() for noun in nouns if "|" in noun]
    glosses = [gloss for gloss in glosses if 25 <= len(gloss) <= 60]
    listing = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True).stdout
    variants = sorted({line.split("!v/")[1].split("  ")[0].strip() for line in listing.splitlines() if "!v/" in line})
    x, y = [], []
    for variant in variants:
        for _ in range(log_uniform(rng, 12, 80)):
            sound = said(variant, rng.integers(150, 200), rng.integers(42, 59), rng.choice(glosses))
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # a stream's header does not know its length
                    rate, wave = wavfile.read(io.BytesIO(sound))
            except ValueError:  # it said nothing
                continue
            if len(wave) > rate // 2 and np.abs(wave).max() > 100:
                x.append(mfcc_stats(wave.astype(float), rate))
                y.append(variant)
    return Kind(
        standardise(x),
        y,
        "synthetic speakers",
        f"{installed('espeak-ng')}; {source}",
        "GPL-3+ (program); WordNet licence",
        "MFCC statistics, standardised",
        "synthetic; a few variants are nearly alike",
    )
