"""Where the landmark student leaves its teacher: skin tone, head pose, size, light, occlusion.

python -m mien_training.limits ../../landmarks.onnx --shared ../shared --sources .train/sources.npz

Student and teacher see the same changed pictures; errors are as in `evaluate`, tracked regions.
"""

import argparse
import os

import cv2
import numpy as np
import torch

from . import photometric
from .atlas import evaluation_sets
from .evaluate import TEACHER_SIZE, onnx_answers
from .regions import crop, in_frame
from .teacher import LandmarkTeacher

CHEEKS = (50, 280)
SKIN_TONES = (("light (ITA > 41°)", 41, 91), ("intermediate (28–41°)", 28, 41), ("tan (10–28°)", 10, 28),
              ("brown and dark (< 10°)", -91, 10))
REGION_CHANGES = (
    ("side × 0.75", {"zoom": 0.75}), ("side × 1.3", {"zoom": 1.3}), ("shifted by 12 % of its side in x and y", {"shift": 0.12}),
    ("turned by 20°", {"turn": 20.0}), ("turned by 45°", {"turn": 45.0}),
)  # fmt: skip
SEED = 5


class Pair:
    """Teacher and student on the same regions."""

    def __init__(self, model, teacher_file):
        self.student, self.size = onnx_answers(model)
        self.teacher = LandmarkTeacher(teacher_file).eval()

    def cut(self, faces, size):
        return torch.from_numpy(np.stack([crop(p, r, size) for p, r in faces]).transpose(0, 3, 1, 2).copy())

    def teacher_answers(self, faces, change=lambda x: x):
        """Crop landmarks (0–1) and presence logits of the teacher."""
        with torch.no_grad():
            known = [self.teacher(change(part.float() / 255)) for part in self.cut(faces, TEACHER_SIZE).split(64)]
        return torch.cat([k[0] for k in known]).numpy() / TEACHER_SIZE, torch.cat([k[1] for k in known]).numpy()

    def answers(self, faces, change=lambda x: x):
        """Landmarks and presence of teacher and of student; `change` works on crops in 0–1."""
        pictures = (change(self.cut(faces, self.size).float() / 255) * 255).clamp(0, 255)
        return *self.teacher_answers(faces, change), *self.student(pictures)

    def errors(self, faces, change=lambda x: x):
        """Percent of the interocular distance per face, the truth and the teacher's presence."""
        truth, presence, points, _ = self.answers(faces, change)
        eyes = np.linalg.norm((truth[:, 468] - truth[:, 473])[:, :2], axis=1)
        return 100 * np.linalg.norm((points - truth)[..., :2], axis=2).mean(1) / eyes, truth, presence


def line(name, errors):
    if len(errors) == 0:
        return f"| {name} | 0 | – | – |"
    return f"| {name} | {len(errors)} | {errors.mean():.2f} | {np.percentile(errors, 95):.2f} |"


def skin_tone(picture, points):
    """Individual typology angle in degrees of the cheeks (CIE Lab, D65): atan((L − 50) / b)."""
    values = []
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    for index in CHEEKS:
        x, y = points[index, :2].round().astype(int)
        values.append(np.median(lab[max(y - 5, 0) : y + 6, max(x - 5, 0) : x + 6].reshape(-1, 3), axis=0))
    lightness, _, blue = np.mean(values, axis=0)
    return np.degrees(np.arctan2(lightness - 50, blue))


def yaw_of(truth):
    """Degrees between the line of the eyes' outer corners and the picture plane."""
    across = truth[:, 263] - truth[:, 33]
    return np.degrees(np.arctan2(across[:, 2], np.linalg.norm(across[:, :2], axis=1)))


def shrunk(picture, region, width):
    """The picture as if its face were `width` pixels wide."""
    scale = width / (region[2] / 1.5)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return small, np.array([*(region[:2] * scale), region[2] * scale, region[3]], np.float32)


def moved(region, zoom=1.0, shift=0.0, turn=0.0):
    x, y, side, angle = region
    return np.array([x + shift * side, y + shift * side, side * zoom, angle + np.radians(turn)], np.float32)


def with_size(draw):
    """A change that draws the same thing at teacher's and student's size."""

    def change(pictures):
        torch.manual_seed(SEED)
        return draw(pictures)

    return change


def hand(pictures):
    mask, shade = photometric.capsules(len(pictures), pictures.shape[-1], "cpu")
    skin = pictures[:, :, pictures.shape[-1] * 5 // 8, pictures.shape[-1] * 3 // 8].view(-1, 3, 1, 1)
    return torch.lerp(pictures, (skin * shade).clamp(0, 1), mask)


def report(pair, sets):
    tests = next([(p[i], r) for i, r, _ in f] for n, p, f in sets if n == "faces/test")
    clips = [(n, p[i], r) for n, p, f in sets if n != "faces/test" for i, r, how in f if how == "tracked"]
    plain, faces_truth, _ = pair.errors(tests)
    yield "faces/test as they are", plain
    tones = np.array([skin_tone(p, in_frame(t, r)) for (p, r), t in zip(tests, faces_truth)])
    for name, low, high in SKIN_TONES:
        yield f"faces/test, skin {name}", plain[(tones > low) & (tones <= high)]
    errors, truth, _ = pair.errors([(p, r) for _, p, r in clips])
    turned = np.abs(yaw_of(truth))
    for low, high in ((0, 10), (10, 20), (20, 30), (30, 45), (45, 90)):
        yield f"clips, yaw {low}–{high}°", errors[(turned >= low) & (turned < high)]
    for width in (200, 120, 80, 60, 40, 30):
        yield f"faces/test, face {width} px wide", pair.errors([shrunk(p, r, width) for p, r in tests])[0]
    some = [(p, r) for _, p, r in clips[::8]]
    for name, change in REGION_CHANGES:
        yield f"every 8th clip face, region {name}", pair.errors([(p, moved(r, **change)) for p, r in some])[0]
    for name, change in (
        ("four times darker", lambda x: x / 4),
        ("over-exposed × 1.6", lambda x: (x * 1.6).clamp(0, 1)),
        ("grey", lambda x: x.mean(1, keepdim=True).expand(-1, 3, -1, -1)),
        ("shadow over one half", lambda x: x * torch.where(torch.arange(x.shape[-1]) < x.shape[-1] // 2, 0.35, 1.0)),
    ):
        yield f"faces/test, {name}", pair.errors(tests, change)[0]
    errors, _, presence = pair.errors(tests, with_size(hand))
    yield "faces/test, drawn hand, teacher's presence above 5", errors[presence > 5]
    yield "faces/test, drawn hand, teacher's presence below 5", errors[presence <= 5]
    landmarks = torch.from_numpy(faces_truth[..., :2]).float() * 2 - 1
    glasses = with_size(lambda x: photometric.glasses(x, landmarks))  # the faces fit in one piece
    yield "faces/test, drawn glasses", pair.errors(tests, glasses)[0]


def background(pair, sets, count=600):
    """How often teacher and student see a face in crops away from every known face."""
    random, faces = np.random.default_rng(SEED), []
    while len(faces) < count:
        _, pictures, known = sets[random.integers(len(sets))]
        index = random.integers(len(pictures))
        height, width = pictures[index].shape[:2]
        side = min(height, width) * np.exp(random.uniform(np.log(0.1), np.log(0.9)))
        centre = random.uniform(0, (width, height))
        if all(np.abs(r[:2] - centre).max() > (r[2] / 1.5 + side) / 2 for i, r, _ in known if i == index):
            faces.append((pictures[index], np.array([*centre, side, random.uniform(-1, 1)], np.float32)))
    _, presence, _, logits = pair.answers(faces)
    both = f"{np.mean((presence > 0) == (logits > 0)):.3f}"
    return f"{count} crops without a face: teacher sees {np.sum(presence > 0)}, student {np.sum(logits > 0)}, agreement {both}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--sources", default=".train/sources.npz")
    options = parser.parse_args()
    teacher = os.path.join(options.shared, "models", "mediapipe_face_landmarks_detector.onnx")
    pair, sets = Pair(options.model, teacher), evaluation_sets(options.shared, options.sources)
    print("| what | faces | mean % | 95th percentile % |\n| --- | --- | --- | --- |")
    for name, errors in report(pair, sets):
        print(line(name, errors), flush=True)
    print(background(pair, sets))


if __name__ == "__main__":
    main()
