"""Pictures and clips of the shared folder, and the one-time search for faces in them.

`python -m mien_training.sources --shared ../shared --out .train/sources.npz` finds every face
with the RetinaFace teacher, follows it with the landmark teacher and stores, per face seen:
picture name, frame number, landmarks [478, 3] in pixels of the frame, presence logit, detected
box and eyes (-1 where the face was followed without a detection). Portraits of `people/` are also
searched in regions of the whole picture, since the detector misses some of their faces.
`--only people` searches one kind and adds it to what `--out` holds.
"""

import argparse
import glob
import os

import numpy as np

from .regions import crop, landmarks_to_frame, region_from_detection, region_from_landmarks

DETECTOR_SIZE = 640
DETECTOR_MEAN = (104.0, 117.0, 123.0)
DETECTOR_LEVELS = ((8, (10, 20)), (16, (32, 64)), (32, (128, 256)))
TEACHER_SIZE = 256


def read_clip(path):
    """Frames [n, height, width, 3] of a clip, RGB."""
    import cv2

    capture, frames = cv2.VideoCapture(path), []
    while True:
        good, frame = capture.read()
        if not good:
            break
        frames.append(frame[:, :, ::-1])
    if not frames:
        raise OSError(f"{path}: no frame could be decoded")
    return np.ascontiguousarray(np.stack(frames))


def read_picture(path):
    """One picture [height, width, 3], RGB."""
    import cv2

    picture = cv2.imread(path)
    if picture is None:
        raise OSError(f"{path}: cannot be decoded")
    return np.ascontiguousarray(picture[:, :, ::-1])


def clip_paths(shared):
    return sorted(glob.glob(os.path.join(shared, "clips", "*.m*")))


def picture_paths(shared, split):
    return sorted(glob.glob(os.path.join(shared, "faces", split, "*")))


def people_paths(shared):
    return sorted(glob.glob(os.path.join(shared, "people", "*.jpg")))


def name_of(path):
    return os.path.splitext(os.path.basename(path))[0]


def negative_paths(shared):
    """Square pictures without a face that detectors took for one; see `negatives`."""
    return sorted(glob.glob(os.path.join(shared, "negatives", "*.jpg")))


class FaceFinder:
    """The two teachers on the CPU: RetinaFace boxes, then MediaPipe landmarks."""

    def __init__(self, shared, threads=0):
        import onnxruntime

        usual = onnxruntime.SessionOptions()
        usual.intra_op_num_threads = threads
        load = lambda name: onnxruntime.InferenceSession(os.path.join(shared, "models", name), usual)
        self.detector = load("retinaface_mnet025_640x640.onnx")
        self.landmarker = load("mediapipe_face_landmarks_detector.onnx")
        cells = []
        for stride, sizes in DETECTOR_LEVELS:
            n = DETECTOR_SIZE // stride
            y, x, s = np.meshgrid((np.arange(n) + 0.5) * stride, (np.arange(n) + 0.5) * stride, sizes, indexing="ij")
            cells.append(np.stack([x, y, s], -1).reshape(-1, 3))
        self.anchors = np.concatenate(cells)

    def detect(self, frame, threshold=0.5):
        """Boxes [n, 4], eyes [n, 2, 2] and scores [n] in pixels of the frame."""
        import cv2

        height, width = frame.shape[:2]
        scale = DETECTOR_SIZE / max(height, width)
        small = cv2.resize(frame, (round(width * scale), round(height * scale)))
        canvas = np.zeros((DETECTOR_SIZE, DETECTOR_SIZE, 3), np.float32)
        canvas[: small.shape[0], : small.shape[1]] = small[:, :, ::-1] - np.array(DETECTOR_MEAN, np.float32)
        loc, conf, points = self.detector.run(None, {"input": canvas.transpose(2, 0, 1)[None]})
        keep = np.flatnonzero(conf[0, :, 1] > threshold)
        scores, anchors = conf[0, keep, 1], self.anchors[keep]
        centre = anchors[:, :2] + loc[0, keep, :2] * 0.1 * anchors[:, 2:]
        half = anchors[:, 2:] * np.exp(loc[0, keep, 2:] * 0.2) / 2
        boxes = np.concatenate([centre - half, centre + half], 1) / scale
        eyes = (anchors[:, None, :2] + points[0, keep].reshape(-1, 5, 2)[:, :2] * 0.1 * anchors[:, None, 2:]) / scale
        as_xywh = [[x0, y0, x1 - x0, y1 - y0] for x0, y0, x1, y1 in boxes.tolist()]
        chosen = np.array(cv2.dnn.NMSBoxes(as_xywh, scores.tolist(), threshold, 0.4), int).reshape(-1)
        return boxes[chosen], eyes[chosen], scores[chosen]

    def landmarks(self, frame, region):
        """Landmarks in pixels of the frame and the presence logit."""
        picture = crop(frame, region, TEACHER_SIZE).astype(np.float32).transpose(2, 0, 1)[None] / 255
        points, presence = self.landmarker.run(["landmarks", "presence"], {"image": picture})
        return landmarks_to_frame(points.reshape(478, 3), region, TEACHER_SIZE), float(presence.reshape(()))

    def settled(self, frame, region, rounds=2):
        """Landmarks after the region was taken from the landmarks `rounds` times."""
        points, presence = self.landmarks(frame, region)
        for _ in range(rounds):
            points, presence = self.landmarks(frame, region_from_landmarks(points))
        return points, presence


def find_faces(finder, frames):
    """Every face of a clip: rows (frame, landmarks, presence, box, eyes)."""
    rows, followed = [], []
    for index, frame in enumerate(frames):
        boxes, eyes, _ = finder.detect(frame)
        seen = []
        for box, pair in zip(boxes, eyes):
            points, presence = finder.settled(frame, region_from_detection(box, pair))
            seen.append((points, presence, box, pair))
        centres = [row[0][:, :2].mean(0) for row in seen]
        for points in followed:
            side = np.ptp(points[:, :2], 0).max()
            if all(np.linalg.norm(c - points[:, :2].mean(0)) > side / 2 for c in centres):
                points, presence = finder.landmarks(frame, region_from_landmarks(points))
                if presence > 0:
                    seen.append((points, presence, np.full(4, -1.0), np.full((2, 2), -1.0)))
        followed = [row[0] for row in seen if row[1] > 0]
        rows += [(index, *row) for row in seen]
    return rows


UNDETECTED = (np.full(4, -1.0), np.full((2, 2), -1.0))
PORTRAIT_SIDES = (1.0, 1.35, 0.65)  # regions in the middle of a portrait, of its size
SURE = 5.0


def portrait_faces(finder, picture):
    """Every find in a portrait: rows (0, landmarks, presence, box, eyes), the portrait's face first.

    The face is the surest find of the landmark teacher; where it is sure of none, what the detector is
    surest of. The finds after it are mostly none.
    """
    height, width = picture.shape[:2]
    boxes, eyes, scores = finder.detect(picture, threshold=0.3)
    best = int(np.argmax(scores)) if len(scores) else -1
    found = [(*finder.settled(picture, region_from_detection(box, pair)), box, pair) for box, pair in zip(boxes, eyes)]
    if max((row[1] for row in found), default=-1.0) < SURE:
        size = max(width, height)
        for side in PORTRAIT_SIDES:
            whole = np.array([width / 2, height * 0.48, side * size, 0], np.float32)
            found.append((*finder.settled(picture, whole, rounds=3), *UNDETECTED))
    ranked = sorted(range(len(found)), key=lambda i: -found[i][1])
    if found[ranked[0]][1] < SURE and best >= 0:
        ranked.insert(0, ranked.pop(ranked.index(best)))
        region = region_from_detection(boxes[best], eyes[best])
        seen = region_from_landmarks(found[best][0])
        away = np.linalg.norm(seen[:2] - region[:2]) > region[2] / 4
        if away or not 0.6 < seen[2] / region[2] < 1.6:  # the landmarks ran away
            found[best] = (*finder.landmarks(picture, region), boxes[best], eyes[best])
    rows = []
    for points, presence, box, pair in (found[i] for i in ranked):
        centre, side = points[:, :2].mean(0), np.ptp(points[:, :2], 0).max()
        if all(np.linalg.norm(row[1][:, :2].mean(0) - centre) > side / 2 for row in rows):
            rows.append((0, points, presence, box, pair))
    return rows


def rows_of_clip(shared, path):
    """The faces of one clip; in a process of its own."""
    rows = find_faces(FaceFinder(shared, threads=1), read_clip(path))
    print(f"{name_of(path)}: {len(rows)} faces, {sum(r[2] > 0 for r in rows)} sure", flush=True)
    return [(name_of(path), *row) for row in rows]


def clip_rows(_, shared):
    from concurrent.futures import ProcessPoolExecutor

    paths = clip_paths(shared)
    with ProcessPoolExecutor() as pool:
        for rows in pool.map(rows_of_clip, [shared] * len(paths), paths):
            yield from rows


def face_rows(finder, shared):
    for path in picture_paths(shared, "train") + picture_paths(shared, "test"):
        picture = read_picture(path)
        height, width = picture.shape[:2]
        whole = np.array([width / 2, height / 2, max(width, height), 0], np.float32)
        yield (name_of(path), 0, *finder.settled(picture, whole, rounds=3), *UNDETECTED)


def people_rows(finder, shared):
    for number, path in enumerate(people_paths(shared)):
        yield from ((name_of(path), *row) for row in portrait_faces(finder, read_picture(path)))
        if number % 100 == 99:
            print(f"people: {number + 1} pictures", flush=True)


KINDS = {"clips": clip_rows, "faces": face_rows, "people": people_rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--out", default=".train/sources.npz")
    parser.add_argument("--only", choices=tuple(KINDS))
    options = parser.parse_args()
    finder, table = FaceFinder(options.shared), []
    for kind in (options.only,) if options.only else KINDS:
        table += KINDS[kind](finder, options.shared)
    os.makedirs(os.path.dirname(options.out) or ".", exist_ok=True)
    names = ("name", "frame", "landmarks", "presence", "box", "eyes")
    columns = {key: np.array(list(column)) for key, column in zip(names, zip(*table))}
    for key in ("landmarks", "box", "eyes", "presence"):
        columns[key] = columns[key].astype(np.float32)
    if options.only and os.path.exists(options.out):
        before = dict(np.load(options.out))
        columns = {key: np.concatenate([before[key], columns[key]]) for key in names}
    np.savez_compressed(options.out, **columns)
    print(f"{options.out}: {len(columns['name'])} faces")


if __name__ == "__main__":
    main()
