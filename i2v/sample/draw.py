"""Draws `portrait.png`, the picture that ships with the project; run it to draw it again."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

SIZE = (768, 1024)
"""Size of the portrait, in pixels."""
SCALE = 3
"""Drawn this many times larger, then reduced: Pillow's shapes have hard edges."""

SKIN, SHADE, BLUSH, LIP = "#f0bd98", "#dd9f7b", "#e98f7c", "#b9504f"
HAIR, HAIR_LIGHT, COAT, COLLAR = "#3b2530", "#5b3a45", "#2f5d73", "#f3e9dc"
EYE, WHITE, INK = "#4f7350", "#fffaf2", "#33202a"

type Box = tuple[float, float, float, float]


def box(x: float, y: float, half_width: float, half_height: float) -> Box:
    """The box around a centre, in the larger pixels."""
    left, top, right, bottom = x - half_width, y - half_height, x + half_width, y + half_height
    return (left * SCALE, top * SCALE, right * SCALE, bottom * SCALE)


def soft(picture: Image.Image, area: Box, colour: str, strength: int, blur: float) -> None:
    """Draw an ellipse with a soft edge; `strength` is at most 255."""
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse(area, fill=strength)
    mask = mask.filter(ImageFilter.GaussianBlur(blur * SCALE))
    picture.paste(Image.new("RGB", picture.size, colour), mask=mask)


def background() -> Image.Image:
    """Evening light, warm below."""
    colours = ["#7fa8b8", "#c9c3b4", "#f0c9a0"]
    strip = Image.new("RGB", (1, len(colours)))
    for row, colour in enumerate(colours):
        strip.paste(colour, (0, row, 1, row + 1))
    size = (SIZE[0] * SCALE, SIZE[1] * SCALE)
    picture = strip.resize(size, Image.Resampling.BICUBIC)
    soft(picture, box(600, 250, 150, 150), "#ffe6bd", 170, 50)
    return picture


def bust(picture: Image.Image) -> None:
    """Hair behind, shoulders, collar and neck."""
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle(box(384, 505, 234, 310), 234 * SCALE, fill=HAIR)
    draw.ellipse(box(384, 1110, 345, 310), fill=COAT)
    draw.polygon([(x * SCALE, y * SCALE) for x, y in COLLAR_POINTS], fill=COLLAR)
    draw.rounded_rectangle(box(384, 735, 72, 120), 70 * SCALE, fill=SHADE)


COLLAR_POINTS = [(300, 770), (384, 905), (468, 770), (520, 815), (405, 960), (363, 960), (248, 815)]


def face(picture: Image.Image) -> None:
    """Ears, head, cheeks, nose and mouth."""
    draw = ImageDraw.Draw(picture)
    for side in (-1, 1):
        draw.ellipse(box(384 + side * 178, 490, 28, 46), fill=SHADE)
    draw.ellipse(box(384, 440, 178, 190), fill=SKIN)
    draw.ellipse(box(384, 520, 158, 180), fill=SKIN)
    for side in (-1, 1):
        soft(picture, box(384 + side * 100, 565, 40, 28), BLUSH, 130, 14)
    draw.arc(box(384, 545, 24, 18), 25, 155, fill="#c07f62", width=6 * SCALE)
    draw.chord(box(384, 612, 58, 36), 10, 170, fill=LIP)
    draw.arc(box(384, 612, 62, 36), 8, 172, fill="#93393f", width=3 * SCALE)


def eyes(picture: Image.Image) -> None:
    """Eyes that look at you, and brows."""
    draw = ImageDraw.Draw(picture)
    for x in (308, 460):
        draw.ellipse(box(x, 478, 38, 23), fill=WHITE)
        draw.ellipse(box(x, 477, 21, 21), fill=EYE)
        draw.ellipse(box(x, 477, 10, 10), fill=INK)
        draw.ellipse(box(x + 7, 470, 5, 5), fill=WHITE)
        draw.arc(box(x, 480, 42, 27), 190, 350, fill=INK, width=7 * SCALE)
        draw.arc(box(x, 445, 50, 22), 205, 335, fill=HAIR, width=10 * SCALE)


def fringe(picture: Image.Image) -> None:
    """Hair over the brow, parted."""
    draw = ImageDraw.Draw(picture)
    draw.chord(box(318, 352, 132, 112), 132, 330, fill=HAIR)
    draw.chord(box(456, 352, 126, 112), 205, 48, fill=HAIR)
    draw.ellipse(box(384, 262, 90, 40), fill=HAIR)
    draw.arc(box(318, 345, 120, 95), 190, 285, fill=HAIR_LIGHT, width=6 * SCALE)
    draw.arc(box(456, 345, 115, 95), 255, 350, fill=HAIR_LIGHT, width=6 * SCALE)


def portrait() -> Image.Image:
    """The whole picture."""
    picture = background()
    for layer in (bust, face, eyes, fringe):
        layer(picture)
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


if __name__ == "__main__":
    portrait().save(Path(__file__).with_name("portrait.png"), optimize=True)
