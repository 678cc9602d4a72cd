"""Images -> features: a small encoder is trained here, or one that is trained already describes photographs.

```
images [n, h, w] -> Encoder.embed -> features [n, d]
train_encoder(images) -> Encoder
photographs -> embed(encoder="faces" | "photos" | a function) -> Embedded: features [m, d], file and box of each row
```
"""

from .network import Encoder, EncoderConfig
from .photographs import Embedded, embed
from .train import cosine_margin_logits, train_encoder

__all__ = [
    "Embedded",
    "Encoder",
    "EncoderConfig",
    "cosine_margin_logits",
    "embed",
    "train_encoder",
]
