"""The landmark student on people of no training run, by group, beside the teacher in one region.

python -m mien_training.people_eval models/landmarks.onnx --shared ../shared --averaged .train/averaged.npz

Truth is the jitter-averaged teacher (`averaging`). A face is read as the pipeline reads a newcomer:
in the region of RetinaFace's box, then in that of its own landmarks. Errors are mean distances
in the picture plane over the 478 landmarks in % of the distance of the iris centres 468 and 473, with
95 % bootstrap intervals over the faces.
"""

import argparse
import json
import os
from dataclasses import dataclass

import numpy as np
import torch

from . import lights
from .averaging import Teacher, interocular
from .evaluate import onnx_answers
from .limits import SKIN_TONES, skin_tone, yaw_of
from .people_split import HELD_OUT_ATTRIBUTES, attribute
from .regions import crop, in_frame, region_from_detection, region_from_landmarks
from .sources import name_of, people_paths, picture_paths, read_picture

PROMISING, NEWCOMER = -9.2, 4.6  # presence logits that the pipeline asks of a newcomer, first and then (0.0001, 0.99)
BOOTSTRAPS = 2000
SEED = 6
# What a picture's name must hold to be in a group.
GROUPS = {
    "age": {"baby, toddler": ("baby", "toddler"), "child": ("child",), "teenager": ("teenager",), "adult": ("adult",),
            "old": ("old-", "senior")},
    "origin": {"African": ("african",), "Asian": ("asian",), "Irish": ("irish",), "native American": ("native_american",),
               "Persian": ("persian",), "South American": ("south_american",)},
    "glasses": {"sunglasses": ("sunglasses",), "reading glasses": ("reading_glasses",)},
    "beard": {"beard, goatee, moustache": ("beard", "goatee", "mustache", "sideburns", "stubble")},
    "expression": {"expression": ("expression-",), "tongue out": ("tongue_out",), "gaze": ("eye_gaze",)},
    "hats and hair": {"hats": ("hat", "bandana", "crown"), "hair": ("hair",)},
}  # fmt: skip


@dataclass
class Face:
    name: str
    picture: np.ndarray
    truth: np.ndarray
    single: np.ndarray
    region: np.ndarray  # the detector's, or that of the teacher's landmarks where it saw nothing
    spread: float
    judged: bool  # whether the teacher is sure of its landmarks there, so that they can be compared


def load_faces(options):
    """People that no run may see, and faces/test."""
    averaged = dict(np.load(options.averaged))
    paths = {name_of(p): p for p in people_paths(options.shared) + picture_paths(options.shared, "test")}
    faces = []
    for i, name in enumerate(averaged["name"].astype(str)):
        truth, single, box = averaged["landmarks"][i], averaged["single"][i], averaged["box"][i]
        region = region_from_detection(box, averaged["eyes"][i]) if box[0] >= 0 else region_from_landmarks(single)
        own = region_from_landmarks(truth)
        agrees = np.linalg.norm(own[:2] - region[:2]) < region[2] / 4 and 0.6 < own[2] / region[2] < 1.6
        judged = bool(agrees and averaged["presence"][i] > 0)
        faces.append(Face(name, read_picture(paths[name]), truth, single, region, float(averaged["spread"][i]), judged))
    return faces


class Reader:
    """The student on crops of many faces."""

    def __init__(self, path):
        self.answers, self.size = onnx_answers(path)

    def read(self, pictures, regions, change=None):
        crops = np.stack([crop(p, r, self.size) for p, r in zip(pictures, regions)]).transpose(0, 3, 1, 2)
        crops = torch.from_numpy(crops.copy())
        if change is not None:
            crops = change(crops.float() / 255, regions) * 255
        points, logits = self.answers(crops)
        return np.stack([in_frame(p, r) for p, r in zip(points, regions)]), logits

    def newcomers(self, pictures, regions, change=None):
        """Landmarks after the second reading, and both presence logits."""
        points, first = self.read(pictures, regions, change)
        points, second = self.read(pictures, [region_from_landmarks(p) for p in points], change)
        return points, first, second


def errors(points, truths):
    return np.array([100 * np.linalg.norm((p - t)[:, :2], axis=1).mean() / interocular(t) for p, t in zip(points, truths)])


def interval(values):
    """Mean and its 95 % bootstrap interval."""
    draws = np.random.default_rng(SEED).integers(len(values), size=(BOOTSTRAPS, len(values)))
    return values.mean(), *np.percentile(values[draws].mean(1), [2.5, 97.5])


def row(name, group, judged, student, single, kept):
    at, lost = group & judged, f"{group.sum() - kept[group].sum()} of {group.sum()}"
    if not at.any():
        return f"| {name} | 0 | – | – | – | {lost} |"
    mean, low, high = interval(student[at])
    return (f"| {name} | {at.sum()} | {mean:.2f} ({low:.2f}–{high:.2f}) | {np.percentile(student[at], 95):.2f} | "
            f"{single[at].mean():.2f} | {lost} |")  # fmt: skip


def group_masks(faces):
    """(name, mask) of every group of the table."""
    names = np.array([f.name for f in faces])
    people = ~np.char.startswith(names, "SFHQ")
    yaw = np.abs(yaw_of(np.stack([f.truth for f in faces])))
    frontal = yaw < 30
    yield "all", np.ones(len(faces), bool)
    yield "frontal to 30°", frontal
    yield "people/, held out", people
    yield "… whole attributes never met", np.array([attribute(n + ".jpg") in HELD_OUT_ATTRIBUTES for n in names])
    yield "faces/test", ~people
    for kind, groups in GROUPS.items():
        for title, words in groups.items():
            yield f"{kind}: {title}", people & frontal & np.array([any(w in n for w in words) for n in names])
    tones = np.array([skin_tone(f.picture, f.truth) for f in faces])
    for title, low, high in SKIN_TONES:
        yield f"skin {title}", frontal & (tones > low) & (tones <= high)
    for low, high in ((0, 15), (15, 30), (30, 45), (45, 90)):
        yield f"yaw {low}–{high}°", (yaw >= low) & (yaw < high)


def groups_table(reader, faces):
    points, first, second = reader.newcomers([f.picture for f in faces], [f.region for f in faces])
    student = errors(points, [f.truth for f in faces])
    single = errors([f.single for f in faces], [f.truth for f in faces])
    kept, judged = (first > PROMISING) & (second > NEWCOMER), np.array([f.judged for f in faces])
    print("| group | faces | student, mean % (95 % interval) | 95th percentile | teacher in one region | lost by presence |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, at in group_masks(faces):
        print(row(name, at, judged, student, single, kept), flush=True)
    print(f"\nnot judged, the teacher unsure: {', '.join(f.name for f in faces if not f.judged)}")
    print(f"spread of one jittered region of the teacher: {np.mean([f.spread for f in faces if f.judged]):.2f} %")
    for index in np.argsort(-student * judged)[:12]:
        print(f"largest: {faces[index].name} {student[index]:.1f} %, teacher {single[index]:.1f} %, presence {second[index]:.1f}")
    lost = [f"{f.name} ({a:.1f}, {b:.1f})" for f, a, b, k in zip(faces, first, second, kept) if not k]
    print("lost by presence: " + (", ".join(lost) or "nobody"))


def light_changes():
    """(name, change of crops given their face ellipse coordinates)."""
    dark = lambda x, a, b: x * 0.2
    grey = lambda x, a, b: x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    def side(x, a, b):
        return x * (0.08 + (a * 9).sigmoid()[:, None])
    return (("light from one side, hard shadow", side), ("lamps anywhere, some coloured", lights.lit),
            ("back light", lights.backlit), ("five times darker", dark), ("grey", grey), ("skin tone shifted", lights.skin))  # fmt: skip


def lights_table(reader, faces):
    """The student in other light against the teacher's labels in the picture's own."""
    truths = [f.truth for f in faces]
    for name, change in light_changes():
        def changed(crops, regions, change=change):
            torch.manual_seed(SEED)
            places = torch.tensor(np.stack([places_in(t, r) for t, r in zip(truths, regions)]), dtype=torch.float32)
            return change(crops, *lights.face_coordinates(places, crops.shape[-1])).clamp(0, 1)

        points, first, second = reader.newcomers([f.picture for f in faces], [f.region for f in faces], changed)
        mean, low, high = interval(errors(points, truths))
        lost = int((~((first > PROMISING) & (second > NEWCOMER))).sum())
        print(f"| {name} | {len(faces)} | {mean:.2f} ({low:.2f}–{high:.2f}) | {lost} |", flush=True)


def places_in(landmarks, region):
    """Frame landmarks [478, 2] in −1…1 of a region's crop."""
    x, y, side, angle = region
    cos, sin = np.cos(angle), np.sin(angle)
    free = (landmarks[:, :2] - (x, y)) * (2 / side)
    return free @ np.array([[cos, -sin], [sin, cos]])


def sensitivity(read, faces):
    """Mean movement in % when the region is shifted or scaled by 10 %: `read(picture, regions)` → landmarks."""
    moved = {"shift": [], "scale": []}
    for face in faces:
        x, y, side, angle = region_from_landmarks(face.truth)
        step = 0.1 * side
        regions = [(x, y, side, angle), (x + step, y, side, angle), (x - step, y, side, angle), (x, y + step, side, angle),
                   (x, y - step, side, angle), (x, y, side * 1.1, angle), (x, y, side / 1.1, angle)]  # fmt: skip
        points = read(face.picture, [np.array(r, np.float32) for r in regions])
        change = np.linalg.norm((points[1:] - points[0])[..., :2], axis=2).mean(1) * 100 / interocular(face.truth)
        moved["shift"].append(change[:4].mean()), moved["scale"].append(change[4:].mean())
    return {k: interval(np.array(v)) for k, v in moved.items()}


def stillness(read, faces, width, sigma, frames=12):
    """Movement of a still face from frame to frame in % under noise, its region following its landmarks."""
    import cv2

    rng, moved = np.random.default_rng(SEED), []
    for face in faces:
        scale = width / np.ptp(face.truth[:, 0])
        small = cv2.resize(face.picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        points = face.truth * scale
        seen = []
        for _ in range(frames):
            noisy = np.clip(small + rng.normal(0, sigma, small.shape), 0, 255).astype(np.uint8)
            points = read(noisy, [region_from_landmarks(points)])[0]
            seen.append(points)
        seen = np.stack(seen[2:])
        moved.append(np.linalg.norm(np.diff(seen, axis=0)[..., :2], axis=2).mean() * 100 / interocular(points))
    return float(np.mean(moved))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--averaged", default=".train/averaged.npz")
    parser.add_argument("--only", nargs="*", default=["groups", "lights", "regions", "noise"])
    parser.add_argument("--teacher", action="store_true", help="regions and noise for the teacher, too (slow)")
    parser.add_argument("--sigma", type=float, default=6.0, help="noise of the still face, of 255")
    options = parser.parse_args()
    reader, faces = Reader(options.model), load_faces(options)
    if "groups" in options.only:
        groups_table(reader, faces)
    if "lights" in options.only:
        lights_table(reader, [f for f in faces if f.judged and "sunglasses" not in f.name][::2])
    readers = {"student": lambda picture, regions: reader.read([picture] * len(regions), regions)[0]}
    if options.teacher:
        teacher = Teacher(options.shared)
        readers["teacher"] = lambda picture, regions: teacher.read(picture, regions)[0]
    for name, read in readers.items():
        if "regions" in options.only:
            found = sensitivity(read, [f for f in faces if f.judged][::4])
            print(json.dumps({name: {k: [round(float(x), 3) for x in v] for k, v in found.items()}}), flush=True)
        if "noise" in options.only:
            print(name, {w: round(stillness(read, [f for f in faces if f.judged][::16], w, options.sigma), 3) for w in (60, 120, 240)}, flush=True)


if __name__ == "__main__":
    main()
