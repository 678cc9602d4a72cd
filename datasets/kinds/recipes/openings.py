"""Chess: positions after opening lines, class = the opening's name (Sicilian, King's Gambit, ...). Needs: chess.

The lines of Scid's classification of openings. Every line is one item, its class the name up to the first colon; names
of 8 lines or more, at most 80 of one name. Features: which piece stands on which square (12 x 64), in the last position
and as the mean over all positions of the line, PCA 96.
"""

import re

import chess
import numpy as np
from common import SEED, Kind, deb, keep_classes, pca


def planes(board: chess.Board) -> np.ndarray:
    out = np.zeros((12, 64), np.float32)
    for square, piece in board.piece_map().items():
        out[piece.piece_type - 1 + 6 * piece.color, square] = 1
    return out.ravel()


def positions(moves: str) -> list[np.ndarray]:
    """The position after every move of a line as a book prints it: 1.e4 c5 2.Nf3 *"""
    board, seen = chess.Board(), []
    for move in re.sub(r"\d+\.+|\*", " ", moves).split():
        board.push_san(move)
        seen.append(planes(board))
    return seen


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    folder, source = deb("scid-data")
    text = (folder / "usr/share/scid/data/scid.eco").read_text(encoding="utf8", errors="replace")
    x, y = [], []
    for found in re.finditer(r'^[A-E]\d\d\w* "([^"]+)"\s+([^"*]*)\*', text, re.M):
        if seen := positions(found[2]):
            x.append(np.concatenate([seen[-1], np.mean(seen, axis=0)]))
            y.append(found[1].split(":")[0].strip())
    rows = keep_classes(y, 8, 80, rng)
    return Kind(
        pca(np.asarray(x)[rows], 96),
        np.asarray(y)[rows],
        "chess openings",
        source,
        "GPL-2",
        "piece-square planes (last and mean), PCA 96",
        "lines of one opening lead on from one another; transpositions carry several names",
    )
