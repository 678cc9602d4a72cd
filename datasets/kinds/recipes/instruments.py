"""Musical instruments: single notes of the General MIDI instruments, class = program (128).
Needs: python_speech_features, soundfile; the program fluidsynth.

Two sound fonts (TimGM6mb, FluidR3) play random notes between MIDI 40 and 84 at random loudness, a second each; 8 to
70 notes of a program (log-uniform). Features: MFCC statistics of the note (means, deviations, deviations of change)
and of its attack's and tail's means, standardised.
"""

import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from common import SEED, Kind, deb, log_uniform, mfcc_stats, standardise

RATE, STEP = 22050, 1.5


def number(n: int) -> bytes:
    """MIDI's variable-length number."""
    out = [n & 127]
    while n := n >> 7:
        out.append(128 | n & 127)
    return bytes(reversed(out))


def song(program: int, notes: Sequence[tuple[int, int]]) -> bytes:
    """A MIDI file of one track, 1000 ticks a second: each note held a second, then half a second's rest."""
    track = number(0) + b"\xff\x51\x03" + (1000000).to_bytes(3, "big") + number(0) + bytes([0xC0, program])
    for i, (pitch, loud) in enumerate(notes):
        track += number(500 if i else 0) + bytes([0x90, pitch, loud]) + number(1000) + bytes([0x80, pitch, 0])
    track += number(1000) + b"\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 1000) + b"MTrk" + struct.pack(">I", len(track)) + track


def play(bank: Path, midi: bytes, work: Path) -> np.ndarray:
    (work / "s.mid").write_bytes(midi)
    settings = ["-ni", "-q", "-R", "0", "-C", "0", "-g", "0.6", "-r", str(RATE), "-F", f"{work}/s.wav"]
    subprocess.run(["fluidsynth", *settings, str(bank), f"{work}/s.mid"], check=True, capture_output=True)
    return soundfile.read(f"{work}/s.wav")[0].mean(1) * 32768


def describe(part: np.ndarray) -> np.ndarray:
    third = int(0.25 * RATE)
    attack, tail = mfcc_stats(part[:third], RATE)[:19], mfcc_stats(part[2 * third : 4 * third], RATE)[:19]
    return np.concatenate([mfcc_stats(part, RATE), attack, tail])


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    tim, source1 = deb("timgm6mb-soundfont")
    fluid, source2 = deb("fluid-soundfont-gm")
    banks = [tim / "usr/share/sounds/sf2/TimGM6mb.sf2", fluid / "usr/share/sounds/sf2/FluidR3_GM.sf2"]
    x, y = [], []
    with tempfile.TemporaryDirectory() as work:
        for program in range(128):
            total = log_uniform(rng, 8, 70)
            for bank, count in zip(banks, (total // 2, total - total // 2), strict=True):
                notes = [(int(rng.integers(40, 85)), int(rng.integers(60, 120))) for _ in range(count)]
                wave = play(bank, song(program, notes), Path(work))
                for i in range(count):
                    part = wave[int(i * STEP * RATE) : int((i + 1) * STEP * RATE)]
                    if np.abs(part).max() >= 30:  # else silent: a note out of the instrument's range
                        x.append(describe(part))
                        y.append(program)
    return Kind(
        standardise(x),
        y,
        "musical instruments",
        f"{source1}; {source2}",
        "GPL-2+ and MIT (sound fonts)",
        "MFCC statistics, standardised",
        "class = two sound fonts' idea of one instrument",
    )
