"""Turns portraits in space, up to the profile: what hardly any portrait of the shared folder shows.

    python -m mien_training.detector_yaw --shared ../shared --agreed data/agreed.npz --out data/turned.npz

After "face profiling" (Zhu et al., "Face Alignment Across Large Poses", CVPR 2016): MediaPipe's
landmarks give a depth to every pixel of the face, rings around it let the head fall back, and the
picture's points are turned about the head's vertical axis, the nearest winning. Away from the head
the turn fades out. Only portraits of the training people (or, to measure, of the others), frontal and alone in their picture.

Writes WebP bytes (`jpeg`, `jpeg_offset`), `box` [n,4], `points` [n,5,2], `source` and `yaw_deg` [n].
"""

import argparse
import time

import cv2
import numpy as np
import onnxruntime
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import ConvexHull

from .detector_prepare import agreed_faces
from .groups import CONTOUR
from .people_split import held_out
from .regions import crop, landmarks_to_frame, region_from_detection, region_from_landmarks

KEYPOINTS = (468, 473, 1, 61, 291)
EARS = (234, 454)
# rings around the outline: how far out, and how far behind it, in face widths
RINGS = ((1.15, 0.08), (1.4, 0.28), (1.8, 0.5), (4.0, 0.6))
FINER = 6  # columns looked at for each of the picture


class Landmarks:
    def __init__(self, shared):
        self.net = onnxruntime.InferenceSession(
            f"{shared}/models/mediapipe_face_landmarks_detector.onnx", providers=["CPUExecutionProvider"]
        )

    def __call__(self, bgr, box, points):
        """Landmarks [478,3] in the picture, or None where the network sees no face."""
        region = region_from_detection(box, points[:2])
        for _ in range(2):
            picture = crop(bgr, region, 256)[..., ::-1].astype(np.float32) / 255
            out = self.net.run(["landmarks", "presence"], {"image": picture.transpose(2, 0, 1)[None].copy()})
            landmarks = landmarks_to_frame(out[0].reshape(478, 3), region, 256)
            region = region_from_landmarks(landmarks)
        return landmarks if out[1].item() > 3 else None


def depth_and_share(landmarks, height, width):
    """Depth towards the camera, 0 at the ears, and the share of the turn, at every `FINER`th of a column."""
    outline = landmarks[list(CONTOUR)]
    middle = outline[:, :2].mean(0)
    face_width = np.ptp(outline[:, 0])
    zero = -landmarks[list(EARS), 2].mean()
    places, depths = [landmarks[:468, :2]], [-landmarks[:468, 2] - zero]
    hull = outline[ConvexHull(outline[:, :2]).vertices]
    for reach, back in RINGS:
        places.append(middle + reach * (hull[:, :2] - middle))
        depths.append(-hull[:, 2] - zero - back * face_width)
    x, y = np.meshgrid((np.arange(FINER * width) + 0.5) / FINER - 0.5, np.arange(height))
    far = depths[-1].min()
    depth = LinearNDInterpolator(np.concatenate(places), np.concatenate(depths), fill_value=far)(x[::4, ::12], y[::4, ::12])
    depth = cv2.GaussianBlur(cv2.resize(depth, x.shape[::-1]), (0, 0), 0.01 * face_width * FINER, sigmaY=0.01 * face_width)
    span = np.ptp(outline[:, :2], axis=0)
    from_middle = np.hypot((x - middle[0]) / (0.62 * span[0]), (y - (middle[1] - 0.12 * span[1])) / (0.75 * span[1]))
    share = np.clip((2.1 - from_middle) / 0.9, 0, 1)
    return x, y, depth, share * share * (3 - 2 * share), middle[0]


def turn(bgr, landmarks, yaw):
    """The picture with the head turned by `yaw` radians."""
    height, width = bgr.shape[:2]
    x, y, depth, share, middle = depth_and_share(landmarks, height, width)
    angle = yaw * share
    across = x - middle
    column = np.rint(middle + across * np.cos(angle) + depth * np.sin(angle)).astype(int)
    nearness = depth * np.cos(angle) - across * np.sin(angle)
    inside = (column >= 0) & (column < width)
    order = np.argsort(nearness[inside], kind="stable")
    fine = cv2.resize(bgr, (FINER * width, height), interpolation=cv2.INTER_LINEAR)
    out, seen = np.zeros_like(bgr), np.zeros((height, width), np.uint8)
    row, column = y[inside].astype(int)[order], column[inside][order]
    out[row, column] = fine[inside][order]
    seen[row, column] = 1
    # single columns that nothing reached lie between neighbours of one surface
    holes = cv2.dilate(seen, np.ones((1, 3), np.uint8)) & ~seen & 1
    out = np.where(holes[..., None] > 0, cv2.medianBlur(out, 3), out)
    seen |= holes
    return cv2.inpaint(out, 1 - seen, 3, cv2.INPAINT_TELEA) if (seen == 0).any() else out


def turned_points(landmarks, yaw):
    middle = landmarks[list(CONTOUR), 0].mean()
    depth = -landmarks[:, 2] + landmarks[list(EARS), 2].mean()
    x = middle + (landmarks[:, 0] - middle) * np.cos(yaw) + depth * np.sin(yaw)
    return np.column_stack((x, landmarks[:, 1]))


def turned_box(box, landmarks, yaw):
    """The detector's box: as tall as before, as wide as the turned landmarks, by the same ratio."""
    before, after = landmarks[:468, 0], turned_points(landmarks, yaw)[:468, 0]
    ratio = (box[2] - box[0]) / np.ptp(before)
    middle, half = (after.min() + after.max()) / 2, ratio * np.ptp(after) / 2
    return np.array((middle - half, box[1], middle + half, box[3]))


def is_frontal(points):
    eyes = points[:2]
    along = eyes[1] - eyes[0]
    return abs((points[2] - eyes.mean(0)) @ along) / (along @ along) < 0.2 and abs(along[1]) < 0.25 * abs(along[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--agreed", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--held-out", action="store_true", help="the people of no training, for the tables")
    parser.add_argument("--each", type=int, default=1, help="pictures of each portrait")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--sheet", help="write a contact sheet here, to look at")
    args = parser.parse_args()
    start, rng = time.time(), np.random.default_rng(17)
    agreed, network = dict(np.load(args.agreed)), Landmarks(args.shared)
    rows, sheet = [], []
    names = [n for n in agreed["names"] if n.startswith("people/") and held_out(n) == args.held_out][: args.limit]
    for name in names:
        found = agreed_faces(agreed, name)
        if found is None or len(found["box"]) > 1 or not is_frontal(found["points"][0]):
            continue
        bgr = cv2.imread(f"{args.shared}/{name}")
        landmarks = network(bgr, found["box"][0], found["points"][0])
        if landmarks is None:
            continue
        for _ in range(args.each):
            yaw = np.radians(rng.uniform(35, 85)) * rng.choice((-1, 1))
            picture = turn(bgr, landmarks, yaw)
            data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 75])[1].tobytes()
            points = turned_points(landmarks, yaw)[list(KEYPOINTS)]
            box = turned_box(found["box"][0], landmarks, yaw)
            rows.append((data, box, points, name, np.degrees(yaw)))
            if args.sheet and len(sheet) < 60:
                shown = cv2.rectangle(picture.copy(), *np.int32(box).reshape(2, 2).tolist(), (0, 255, 0), 2)
                for point in points:
                    cv2.circle(shown, np.int32(point).tolist(), 3, (0, 0, 255), -1)
                sheet.append(cv2.resize(shown, (200, 200), interpolation=cv2.INTER_AREA))
    data, box, points, source, yaw = zip(*rows)
    np.savez(
        args.out, jpeg=np.frombuffer(b"".join(data), np.uint8), jpeg_offset=np.cumsum([0] + [len(d) for d in data]),
        box=np.array(box, np.float32), points=np.array(points, np.float32), source=np.array(source),
        yaw_deg=np.array(yaw, np.float32),
    )  # fmt: skip
    print(f"{len(rows)} turned portraits of {len(names)}, {sum(map(len, data)) / 2**20:.1f} MiB, {time.time() - start:.0f} s")
    if args.sheet:
        sheet += [sheet[0] * 0] * (-len(sheet) % 10)
        cv2.imwrite(args.sheet, np.vstack([np.hstack(sheet[i : i + 10]) for i in range(0, len(sheet), 10)]))


if __name__ == "__main__":
    main()
