"""The jitter-averaged teacher: the mean of its landmarks over 16 regions of the same face.

python -m mien_training.averaging --shared ../shared --sources .train/sources.npz --out .train/averaged.npz

One region moves the teacher's landmarks by about 0.9 % of the interocular distance for each per cent of
its side. The 16 regions are 8 random ones (shift ±6 %, scale ±10 %, roll ±10°, uniform) and their
opposites, so that what is linear in the region's error cancels. Stored per face of people/ and
faces/test: `name`, `landmarks` [n, 478, 3] in frame pixels, `spread` (mean distance of one region's landmarks
from the mean, in % of the interocular distance), `presence` [n] and `single` (the landmarks of the teacher's own region),
`box` and `eyes` (what RetinaFace is surest of, -1 where it sees nothing).
"""

import argparse
import os

import numpy as np

from .regions import crop, in_frame, region_from_landmarks
from .sources import UNDETECTED, FaceFinder, name_of, people_paths, picture_paths, read_picture

PAIRS = 8
SHIFT, ZOOM, TURN = 0.06, 0.10, np.radians(10)
SIZE = 256
SEED = 41


def jittered(region, rng, pairs=PAIRS):
    """2 × `pairs` regions around `region`, in opposites."""
    x, y, side, angle = region
    draws = rng.uniform(-1, 1, (pairs, 4)) * (SHIFT, SHIFT, ZOOM, TURN)
    draws = np.concatenate([draws, -draws])
    cos, sin = np.cos(angle), np.sin(angle)
    return [np.array([x + side * (dx * cos - dy * sin), y + side * (dx * sin + dy * cos), side * np.exp(z), angle + t], np.float32)
            for dx, dy, z, t in draws]  # fmt: skip


class Teacher:
    """The landmark teacher on regions of one picture."""

    def __init__(self, shared):
        import onnxruntime

        path = os.path.join(shared, "models", "mediapipe_face_landmarks_detector.onnx")
        self.session = onnxruntime.InferenceSession(path)

    def read(self, picture, regions):
        """Landmarks [r, 478, 3] in frame pixels and presence logits [r]."""
        crops = np.stack([crop(picture, r, SIZE) for r in regions]).transpose(0, 3, 1, 2).astype(np.float32) / 255
        points, presence = self.session.run(["landmarks", "presence"], {"image": crops})
        points = points.reshape(-1, 478, 3) / SIZE
        return np.stack([in_frame(p, r) for p, r in zip(points, regions)]), presence.reshape(-1)

    def averaged(self, picture, landmarks, rng):
        """Mean landmarks, spread in %, mean presence and the landmarks of the plain region of a face."""
        region = region_from_landmarks(landmarks)
        seen, presence = self.read(picture, [region, *jittered(region, rng)])
        mean = seen[1:].mean(0)
        spread = np.linalg.norm((seen[1:] - mean)[..., :2], axis=2).mean() / interocular(mean) * 100
        return mean, spread, presence[1:].mean(), seen[0]


def interocular(landmarks):
    return np.linalg.norm((landmarks[468] - landmarks[473])[:2])


def best_detection(finder, picture):
    boxes, eyes, scores = finder.detect(picture)
    return (boxes[np.argmax(scores)], eyes[np.argmax(scores)]) if len(scores) else UNDETECTED


def surest_rows(table):
    """Row of each name's surest face."""
    rows = {}
    for row, name in enumerate(table["name"].astype(str)):
        if name not in rows or table["presence"][row] > table["presence"][rows[name]]:
            rows[name] = row
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--sources", default=".train/sources.npz")
    parser.add_argument("--out", default=".train/averaged.npz")
    parser.add_argument("--held-out", action="store_true", help="only the people that no run may see")
    options = parser.parse_args()
    from .people_split import held_out

    table = dict(np.load(options.sources))
    rows, teacher, rng = surest_rows(table), Teacher(options.shared), np.random.default_rng(SEED)
    people = [p for p in people_paths(options.shared) if held_out(p) or not options.held_out]
    found, finder = [], FaceFinder(options.shared)
    for path in people + picture_paths(options.shared, "test"):
        landmarks, picture = table["landmarks"][rows[name_of(path)]], read_picture(path)
        found.append((name_of(path), *teacher.averaged(picture, landmarks, rng), *best_detection(finder, picture)))
    columns = zip(("name", "landmarks", "spread", "presence", "single", "box", "eyes"), map(np.array, zip(*found)))
    np.savez_compressed(options.out, **{k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in columns})
    print(f"{options.out}: {len(found)} faces, spread {np.mean([f[2] for f in found]):.2f} %")


if __name__ == "__main__":
    main()
