"""Recall by group on portraits that no training saw: the detector beside every teacher.

    python -m mien_training.detector_groups --shared ../shared --agreed data/agreed.npz \
        --models models/detector.onnx old.onnx --out groups.json

The people are those that `people_split` holds out, the faces those on which two teachers agree
(`detector_teachers`). Each teacher is asked once, upright, at the picture's own size, as its users
would. Beside the attributes there are groups by measured skin colour (ITA), by the turn of the head
that the points show, and by what is done to the picture: made smaller, turned, dimmed, coloured,
lit from one side, blurred, compressed. Intervals are Wilson's at 95 %.
"""

import argparse
import json
import math
import os

import cv2
import numpy as np
import torch

from .detector_eval import OnnxDetector
from .detector_prepare import agreed_faces
from .detector_teachers import SCORE, TEACHERS, MediaPipe, Mtcnn, RetinaFace, same_face
from .people_split import attribute, held_out

AGES = {"baby": "baby, toddler", "toddler": "baby, toddler", "child": "child", "teenager": "teenager",
        "adult": "adult", "senior": "senior"}  # fmt: skip
ORIGINS = ("african", "asian", "irish", "native_american", "persian", "south_american")
YAWS = ((0, 50), (50, 65), (65, 91))
BEARDS = ("beard", "goatee", "mustache", "stubble", "sideburns")
# upper limits of the individual typology angle in degrees (Chardon et al. 1991)
ITA_GROUPS = ((-30, "dark"), (10, "brown"), (28, "tan"), (41, "intermediate"), (55, "light"), (91, "very light"))


def groups_of(name):
    """Groups that a portrait's attribute names."""
    kind, _, value = attribute(name).partition("-")
    out = [f"attribute kind: {kind}"]
    if kind in ("age", "asian_female") and value in AGES:
        out.append(f"age: {AGES[value]}")
    if kind == "child":
        out.append("age: child")
    if kind == "old":
        out.append("age: senior")
    if kind in ("old", "child", "ethnicity") and value in ORIGINS:
        out.append(f"origin: {value}")
    if kind == "asian_female":
        out.append("origin: asian")
    if "sunglasses" in value:
        out.append("glasses: sunglasses")
    elif "glasses" in value:
        out.append("glasses: reading glasses")
    if any(word in value for word in BEARDS):
        out.append("beard")
    if kind == "expression":
        out.append(f"expression: {value}")
    if kind == "hats" or value in ("hat", "bandana"):
        out.append("hat")
    return out


def skin_group(bgr, points):
    """By the individual typology angle of the cheeks: the median of two small squares."""
    eyes, nose, mouth = points[:2], points[2], points[3:]
    span = np.linalg.norm(eyes[0] - eyes[1])
    pixels = []
    for eye, corner in zip(eyes, mouth):
        middle = 0.45 * eye + 0.55 * corner + 0.15 * (eye - nose)
        x, y = (int(v) for v in middle)
        r = max(2, int(0.1 * span))
        pixels.append(bgr[max(0, y - r) : y + r, max(0, x - r) : x + r].reshape(-1, 3))
    pixels = np.concatenate(pixels)
    if not len(pixels):
        return None
    lab = cv2.cvtColor(np.median(pixels, 0).reshape(1, 1, 3).astype(np.float32) / 255, cv2.COLOR_BGR2Lab)[0, 0]
    angle = math.degrees(math.atan2(lab[0] - 50, max(lab[2], 1e-3)))
    return next(f"skin: {name}" for limit, name in ITA_GROUPS if angle <= limit)


def yaw_group(points):
    """Frontal, half or strongly turned, by how far the nose lies from the middle of the eyes."""
    eyes = points[:2]
    along = eyes[1] - eyes[0]
    span = np.linalg.norm(along)
    mouth = np.linalg.norm(points[3:].mean(0) - eyes.mean(0))
    offset = abs((points[2] - eyes.mean(0)) @ along) / max(span, 1) / max(mouth, span, 1)
    for limit, name in ((0.2, "frontal"), (0.4, "half turned"), (9, "strongly turned")):
        if offset < limit:
            return f"head: {name}"
    return None


def light(bgr, across=0.0, gain=0.0, tint=(0, 0, 0), noise=0.0):
    """Light that doubles, `across` times, from one side to the other; weaker, coloured, with noise."""
    x = np.linspace(-1, 1, bgr.shape[1], dtype=np.float32)[None, :, None]
    colour = bgr * 2.0 ** (across * x + gain + np.array(tint, np.float32))
    rng = np.random.default_rng(4)
    return np.clip(colour + rng.normal(0, noise, bgr.shape), 0, 255).astype(np.uint8)


def smaller(bgr, side):
    """The picture shrunk to `side` pixels in the middle of a grey one of 400."""
    out = np.full((400, 400, 3), 110, np.uint8)
    small = cv2.resize(bgr, (side, side), interpolation=cv2.INTER_AREA)
    at = (400 - side) // 2
    out[at : at + side, at : at + side] = small
    return out, np.array(((side / 400, 0, at), (0, side / 400, at)), np.float32)


def rolled(bgr, degrees):
    h, w = bgr.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 1)
    out = cv2.warpAffine(bgr, matrix, (w, h), borderMode=cv2.BORDER_REFLECT_101)
    return out, matrix.astype(np.float32)


def conditions(bgr):
    """(name, picture, where its points come from) of a portrait."""
    same = np.eye(2, 3, dtype=np.float32)
    yield "as it is", bgr, same
    for side in (200, 120, 60):
        yield f"size: shrunk to {side}", *smaller(bgr, side)
    for degrees in (30, -45, 90, -90, 135, 180):
        yield f"turned: {abs(degrees)}°", *rolled(bgr, degrees)
    yield "light: from one side", light(bgr, across=1.6), same
    yield "light: dim", light(bgr, gain=-3, noise=5), same
    yield "light: coloured", light(bgr, tint=(0.8, -0.6, -1.2)), same
    grey = cv2.cvtColor(cv2.LUT(bgr[..., 2], np.uint8(255 * (np.arange(256) / 255) ** 0.6)), cv2.COLOR_GRAY2BGR)
    yield "light: infrared-like", grey, same
    motion = cv2.filter2D(bgr, -1, np.full((1, 15), 1 / 15))
    yield "motion blur, 15 pixels", motion, same
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 8])[1]
    yield "JPEG, quality 8", cv2.imdecode(jpeg, cv2.IMREAD_COLOR), same
    cut = np.array(((1, 0, -130), (0, 1, 0)), np.float32)
    yield "cut by the left edge", cv2.warpAffine(bgr, cut, (400, 400), borderValue=(90, 100, 110)), cut


class Student:
    """An ONNX detector as Mien shows it a still: the picture at its own size, rounded up to 32."""

    def __init__(self, path, score=0.5):
        self.detector = OnnxDetector(path, 64, 64, score)

    def __call__(self, bgr):
        self.detector.height, self.detector.width = (-(-side // 32) * 32 for side in bgr.shape[:2])
        found = self.detector(bgr)
        return found["box"], found["points"], found["score"]


def wilson(hit, n):
    if not n:
        return 0.0, 1.0
    z, p = 1.96, hit / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def moved(box, matrix):
    """The box of a face after a similarity: the same size around the same middle."""
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    middle = (box[:, :2] + box[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = (box[:, 2:] - box[:, :2]) / 2 * scale
    return np.concatenate((middle - half, middle + half), 1)


def rivals_of(args):
    rivals = {os.path.basename(path).removesuffix(".onnx"): Student(path) for path in args.models}
    if not args.students_only:
        rivals |= {"retinaface": RetinaFace(args.shared), "mtcnn": Mtcnn()}
        rivals |= {kind: MediaPipe(kind) for kind in TEACHERS[2:]}
    return rivals


def evaluate_turned(args):
    """Heads turned in space by `detector_yaw`, whose boxes are known from the turn."""
    rivals, data, table = rivals_of(args), np.load(args.turned), {}
    offset = data["jpeg_offset"]
    for i, (a, b) in enumerate(zip(offset[:-1], offset[1:])):
        bgr, yaw = cv2.imdecode(data["jpeg"][a:b], cv2.IMREAD_COLOR), abs(data["yaw_deg"][i])
        group = next(f"turned in space: {low}–{high}°" for low, high in YAWS if low <= yaw < high)
        for who, detector in rivals.items():
            found, _, score = detector(bgr)
            found = found[score >= SCORE.get(who, 0.5)]
            fits = same_face(data["box"][i : i + 1], found).any(0) if len(found) else np.zeros(0, bool)
            row = table.setdefault(group, {}).setdefault(who, [0, 0, 0])
            row[0] += int(fits.any())
            row[1] += 1
            row[2] += int((~fits).sum())
    report(args, table, {})


def evaluate(args):
    agreed = dict(np.load(args.agreed))
    names = [n for n in agreed["names"] if n.startswith("people/") and (args.all or held_out(n))]
    rivals = rivals_of(args)
    table = {}  # group: {who: [hit, wanted, extra]}
    missed = {who: [] for who in rivals}
    for name in names:
        bgr, faces = cv2.imread(f"{args.shared}/{name}"), agreed_faces(agreed, name)
        if faces is None:
            continue
        box, points = faces["box"][faces["sure"]], faces["points"][faces["sure"]]
        of_picture = ["all", *groups_of(name), skin_group(bgr, points[0]), yaw_group(points[0])]
        for condition, picture, matrix in conditions(bgr):
            wanted, maybe = moved(box, matrix), moved(faces["box"], matrix)
            for who, detector in rivals.items():
                if who == "mtcnn" and condition != "as it is":
                    continue  # it takes longer than all others together
                found, _, score = detector(picture)
                found = found[score >= SCORE.get(who, 0.5)]
                fits = same_face(wanted, found).any(1) if len(found) else np.zeros(len(wanted), bool)
                extra = int((~same_face(maybe, found).any(0)).sum()) if len(found) else 0
                if not fits.all():
                    missed[who].append(f"{condition}: {name}")
                for group in of_picture if condition == "as it is" else [condition]:
                    row = table.setdefault(group or "skin: unknown", {}).setdefault(who, [0, 0, 0])
                    row[0] += int(fits.sum())
                    row[1] += len(wanted)
                    row[2] += extra
    print(f"{len(names)} portraits")
    report(args, table, missed)


def report(args, table, missed):
    print("found / wanted (95 % interval), extra")
    for group, rows in sorted(table.items()):
        print(f"{group:26}", end="")
        for who, (hit, n, extra) in rows.items():
            low, high = wilson(hit, n)
            print(f"  {who} {hit}/{n} ({100 * low:.0f}–{100 * high:.0f}) +{extra}", end="")
        print()
    if args.out:
        with open(args.out, "w") as file:
            json.dump({"groups": table, "missed": missed}, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--agreed", help="labels of detector_teachers")
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--students-only", action="store_true")
    parser.add_argument("--all", action="store_true", help="also the people of the training")
    parser.add_argument("--turned", help="pictures of detector_yaw --held-out, instead of the portraits")
    parser.add_argument("--out")
    torch.set_num_threads(1)
    args = parser.parse_args()
    evaluate_turned(args) if args.turned else evaluate(args)


if __name__ == "__main__":
    main()
