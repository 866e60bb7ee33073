"""Images of each kind that can really be decoded, as small as they get."""

from typing import Final

from PIL import Image

from tests.support.simulation import encoded

_PICTURE: Final = Image.effect_noise((40, 30), 60).convert("RGB")
PNG: Final = encoded(_PICTURE, "PNG")
JPEG: Final = encoded(_PICTURE, "JPEG")
WEBP: Final = encoded(_PICTURE, "WEBP")
