"""Images -> features of length 1: a classifier is trained and only its encoder is kept.

```
images [n, h, w] -> Encoder.embed -> features [n, d]
train_encoder(images) -> Encoder
```
"""

from .network import Encoder, EncoderConfig
from .train import cosine_margin_logits, train_encoder

__all__ = [
    "Encoder",
    "EncoderConfig",
    "cosine_margin_logits",
    "train_encoder",
]
