"""Human speakers: recorded prompts and alphabets, class = recording voice.
Needs: resemblyzer, soundfile; the program ffmpeg.

Voices: 8 telephone prompt sets of Asterisk and the 20 languages of KLettres (single letters and syllables; one voice a
language is assumed). At most 400 clips of a voice. Clips brought to 8 kHz and back to 16 kHz, so that the rate tells no
voice apart. Features: the 256 numbers of Resemblyzer's speaker embedding.
"""

import glob
import subprocess
from pathlib import Path

import numpy as np
import soundfile
import torch
from common import SEED, Kind, deb, keep_classes
from resemblyzer import VoiceEncoder
from resemblyzer.audio import normalize_volume
from scipy.signal import resample_poly

PROMPTS = (
    *(f"asterisk-core-sounds-{language}-wav" for language in ("en", "es", "fr", "it", "ru")),
    *("asterisk-prompt-es-co", "asterisk-prompt-fr-armelle", "asterisk-prompt-it-menardi-wav"),
)


def clips() -> tuple[list[tuple[str, Path]], list[str]]:
    """(voice, file) of every clip, and the packages."""
    found, sources = [], []
    for name in PROMPTS:
        folder, source = deb(name)
        sources.append(source)
        # not rglob: some folders are links to others, and a clip met twice goes by its equal embedding
        for path in map(Path, sorted(glob.glob(f"{folder}/usr/share/asterisk/sounds/**/*.*", recursive=True))):
            if path.suffix in (".wav", ".gsm") and "silence" not in path.parts and not path.is_symlink():
                found.append((name, path))
    folder, source = deb("klettres-data")
    for path in sorted((folder / "usr/share/klettres").glob("*/*/*.og[ga]"), key=str):
        found.append((f"klettres-{path.parts[-3]}", path))
    return found, [*sources, source]


def read(path: Path) -> tuple[np.ndarray, int] | None:
    """(samples, rate); None where the file cannot be read."""
    try:
        if path.suffix != ".gsm":
            return soundfile.read(path)
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "-ar", "8000", "-ac", "1", "-"]
        raw = subprocess.run(command, capture_output=True, check=True).stdout
    except (subprocess.CalledProcessError, soundfile.SoundFileError):
        return None
    return np.frombuffer(raw, np.int16) / 32768.0, 8000


def telephone(wave: np.ndarray, rate: int) -> np.ndarray | None:
    """The loud part, 5 seconds at most, at 16 kHz but with 8 kHz's sound; None where it is too short or silent."""
    wave = wave.mean(1) if wave.ndim == 2 else wave
    if rate != 8000:
        wave = resample_poly(wave, 8000, rate)
    wave = resample_poly(wave, 2, 1)
    loud = np.flatnonzero(np.abs(wave) > 0.05 * np.abs(wave).max()) if len(wave) else []
    if len(loud) < 1600 or np.abs(wave).max() < 1e-3:
        return None
    wave = wave[loud[0] : loud[-1] + 1][: 16000 * 5]
    return wave if len(wave) >= 4000 else None


def build() -> Kind:
    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    found, sources = clips()
    encoder = VoiceEncoder("cpu", verbose=False)
    x, y = [], []
    for i in keep_classes([voice for voice, _ in found], 10, 400, rng):
        sound = read(found[i][1])
        wave = telephone(*sound) if sound else None
        if wave is not None:
            x.append(encoder.embed_utterance(normalize_volume(wave.astype(np.float32), -30, increase_only=True)))
            y.append(found[i][0])
    rows = np.sort(np.unique(np.asarray(x), axis=0, return_index=True)[1])  # a prompt shipped twice counts once
    return Kind(
        np.asarray(x)[rows],
        np.asarray(y)[rows],
        "human speakers",
        f"{'; '.join(sources)}; model Resemblyzer 0.1.4",
        "CC-BY-SA 3.0, CC-BY 3.0, GPL-2+; model Apache-2.0",
        "speaker embedding (Resemblyzer)",
        "two prompt sets are of one woman (Allison, en and es-mx); a KLettres language may have several voices",
    )
