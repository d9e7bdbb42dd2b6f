"""Draws lettering on cloth and walls, at all angles: backgrounds without a face for the detector.

    python -m mien_training.detector_lettering --data data --count 320

Bold letters lying on their side, blurred and low in contrast, are what a small detector takes for
faces. They are printed on plain and folded cloth and on the training clips' frames without heads.
Writes `detector_lettering.npz`: WebP bytes (`jpeg`, `jpeg_offset`) of 640×480 pictures.
Needs Pillow and the DejaVu fonts.
"""

import argparse
import glob
import os
import string

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .detector_prepare import KIND_HEADLESS, SPLIT_TRAIN, load

WIDTH, HEIGHT = 640, 480
FONTS = "/usr/share/fonts/truetype/dejavu/*.ttf"
SHAPES = "O0QDGC8B@&%#A"  # letters with the outline or the inside of a face


def cloth(rng):
    """One colour, folds of light and a weave."""
    colour = rng.integers(0, 256, 3).astype(np.float32) * rng.choice((0.25, 0.6, 1.0))
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    light = np.ones((HEIGHT, WIDTH), np.float32)
    for _ in range(rng.integers(0, 5)):
        angle, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(20), np.log(400)))
        along = (x * np.cos(angle) + y * np.sin(angle)) / period
        light += rng.uniform(0, 0.22) * np.sin(2 * np.pi * along + 2 * np.sin(y / rng.uniform(40, 200)))
    grain = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH)).astype(np.float32), (0, 0), rng.uniform(0.4, 2))
    light += grain * rng.uniform(0, 0.15)
    return np.clip(colour * light[..., None] + rng.uniform(0, 25), 0, 255)


def word(rng):
    kind = rng.random()
    if kind < 0.2:
        return str(rng.choice(list(SHAPES)))
    letters = list(string.ascii_uppercase if kind < 0.75 else string.ascii_letters + string.digits)
    letters += list(SHAPES)
    return "".join(rng.choice(letters, rng.integers(2, 9)))


def print_mask(rng, fonts):
    """A block of print, coverage 0–1, in its own upright picture."""
    size = int(np.exp(rng.uniform(np.log(12), np.log(110))))
    font = ImageFont.truetype(str(rng.choice(fonts)), size)
    stacked = rng.random() < 0.2
    lines = list(word(rng)) if stacked else [word(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    pitch = size * rng.uniform(0.8, 1.25)
    wide = int(max(font.getlength(line) for line in lines)) + size
    high = int(pitch * len(lines) + size)
    picture = Image.new("L", (wide, high), 0)
    draw = ImageDraw.Draw(picture)
    stroke = int(rng.integers(0, max(2, size // 12)))
    for i, line in enumerate(lines):
        left = size / 2 if rng.random() < 0.3 else (wide - font.getlength(line)) / 2
        draw.text((left, size * 0.3 + i * pitch), line, 255, font=font, stroke_width=stroke)
    if rng.random() < 0.12:  # a badge
        draw.ellipse((1, 1, wide - 2, high - 2), outline=255, width=max(1, size // 10))
    mask = np.asarray(picture, np.float32) / 255
    return 1 - mask if rng.random() < 0.06 else mask


def printed(base, mask, rng):
    """`base` with the print at any place and angle, bent a little, faded, in one ink."""
    h, w = mask.shape
    angle = rng.uniform(0, 360) if rng.random() < 0.5 else rng.choice((90, 270)) + rng.normal() * 20
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1.0)
    turn[:, :2] = turn[:, :2] @ np.array(((rng.uniform(0.6, 1.2), rng.uniform(-0.2, 0.2)), (0, 1)))
    spot = rng.uniform(0.02, 0.98, 2) * (WIDTH, HEIGHT)
    turn[:, 2] += spot - turn @ (w / 2, h / 2, 1)
    mask = cv2.warpAffine(mask, turn, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    bend, period = rng.uniform(0, 5), rng.uniform(40, 200)
    mask = cv2.remap(mask, x + bend * np.sin(y / period * 6.3), y + bend * np.sin(x / period * 6.3), cv2.INTER_LINEAR)
    if rng.random() < 0.4:  # worn
        holes = cv2.GaussianBlur(rng.standard_normal(mask.shape).astype(np.float32), (0, 0), rng.uniform(1, 5))
        mask = mask * np.clip(1.2 - np.abs(holes) * rng.uniform(0, 4), 0.2, 1)
    if rng.random() < 0.6:
        mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 2.5))
    ink = rng.integers(0, 256, 3) if rng.random() < 0.4 else np.full(3, rng.choice((15, 200, 235, 250)))
    mask = mask[..., None] * rng.uniform(0.5, 1.0)
    shade = base.mean(-1, keepdims=True) / max(1.0, float(base.mean()))
    return base * (1 - mask) + mask * ink * np.clip(shade, 0.5, 1.3)


def pictures(frames, rng, count):
    fonts = [p for p in sorted(glob.glob(FONTS)) if "Math" not in p]
    fonts += [p for p in fonts if "Bold" in p] * 3
    for i in range(count):
        base = cloth(rng)
        if i % 5 < 2:
            frame = frames[rng.integers(len(frames))]
            base = np.zeros((HEIGHT, WIDTH, 3), np.float32)
            base[: frame.shape[0], : frame.shape[1]] = frame[:HEIGHT, :WIDTH]
        for _ in range(rng.integers(3, 14)):
            base = printed(base, print_mask(rng, fonts), rng)
        yield np.clip(base, 0, 255).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of detector_data.npz; the result goes there")
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--sheet", help="write a contact sheet here, to look at")
    args = parser.parse_args()
    data = load(os.path.join(args.data, "detector_data.npz"))
    chosen = (data["kind"] == KIND_HEADLESS) & (data["split"] == SPLIT_TRAIN)
    frames = []
    for j in chosen.nonzero()[0]:
        left, top, right, bottom = data["rect"][j].astype(int)
        frames.append(data["pictures"][j][top:bottom, left:right])
    packed = list(pictures(frames, np.random.default_rng(12), args.count))
    jpeg = [cv2.imencode(".webp", p, (cv2.IMWRITE_WEBP_QUALITY, 76))[1].tobytes() for p in packed]
    offset = np.cumsum([0] + [len(j) for j in jpeg])
    np.savez(os.path.join(args.data, "detector_lettering.npz"),
             jpeg=np.frombuffer(b"".join(jpeg), np.uint8), jpeg_offset=offset)  # fmt: skip
    print(f"{len(packed)} pictures of lettering, {offset[-1] / 2**20:.1f} MiB")
    if args.sheet:
        small = [cv2.resize(p, (240, 180), interpolation=cv2.INTER_AREA) for p in packed[:40]]
        small += [small[0] * 0] * (-len(small) % 8)
        cv2.imwrite(args.sheet, np.vstack([np.hstack(small[i : i + 8]) for i in range(0, len(small), 8)]))


if __name__ == "__main__":
    main()
