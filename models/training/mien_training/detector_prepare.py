"""Packs the detector's training pictures into one file: faces, clip frames, head-less frames.

    python -m mien_training.detector_prepare --shared ../shared --agreed data/agreed.npz --out data

Writes `detector_data.npz`: WebP bytes (`jpeg`, `jpeg_offset`) of all pictures and, per picture,
its kind, split, source, the teachers' boxes [n,4] and points [n,5,2] in pixels, which of them are
sure, and the rectangle of true (not mirror-padded) pixels. Faces and people come with the labels of
`detector_teachers`; the clips' faces are RetinaFace's. Runs on a CPU in about three minutes.
"""

import argparse
import glob
import json
import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch

from .detector_model import Teacher, box_iou, detections, to_network_input
from .people_split import held_out

KIND_FACE, KIND_FRAME, KIND_HEADLESS, KIND_SYNTHETIC, KIND_PORTRAIT = range(5)
SPLIT_TRAIN, SPLIT_TEST = range(2)
FRAME_SIZE = (640, 480)
# Two people and one room that the honest generalisation run never sees.
HELD_OUT_CLIPS = (
    "asl_book", "asl_learn", "asl_school", "asl_night", "asl_eat",
    "head_pose_male", "head_pose_female_and_male",
)  # fmt: skip
MAX_FACES = 4
WEBP_QUALITY = 76
# a portrait's only candidate of at least this share of the picture is a face with one vote, too:
# the second witness is the picture's title
TITLE_SHARE = 0.2


def mirror_axes(picture, depth=16, limit=0.5):
    """First and last row of the true picture, where rows beyond them are its reflection."""
    rows = picture.astype(np.float32)
    n = len(rows)
    ratio = np.full(n, np.inf)
    for r in range(depth, n - depth):
        above, below = rows[r - depth : r], rows[r : r + depth]
        ratio[r] = np.abs(above[::-1] - below).mean() / (np.abs(above - below).mean() + 1)
    first, last = int(ratio[: n // 4].argmin()), int(ratio[-n // 3 :].argmin()) + n - n // 3
    return (first if ratio[first] < limit else 0), (last if ratio[last] < limit else n)


def run_teacher(teacher, bgr, scale=1.0):
    """Teacher's faces of one picture of any size, in the picture's pixels."""
    if scale != 1.0:
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    h, w = bgr.shape[:2]
    height, width = -(-h // 32) * 32, -(-w // 32) * 32
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[:h, :w] = bgr
    with torch.no_grad():
        loc, prob, landms = teacher(torch.from_numpy(to_network_input(canvas)))
    found = detections(loc[0], prob[0], landms[0], height, width)
    found["box"] = found["box"] / scale
    found["points"] = found["points"] / scale
    return found


def to_frame_size(frame):
    """Scales a larger picture down to 640 columns."""
    if frame.shape[1] <= FRAME_SIZE[0]:
        return frame
    size = (FRAME_SIZE[0], round(frame.shape[0] * FRAME_SIZE[0] / frame.shape[1]))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def clip_frames(path, step=1):
    """(index, frame) of a clip; wider clips come back at 640 columns."""
    capture = cv2.VideoCapture(path)
    index = 0
    while True:
        ok, frame = capture.read()
        if not ok:
            return
        if index % step == 0:
            yield index, to_frame_size(frame)
        index += 1


def real_faces(found, clip):
    """Drops what the teacher takes for a face on shirts and hands.

    The people of the asl_* clips stand with their heads in one region; every detection outside
    it is a printed skull, a blurred hand or cloth (checked by eye).
    """
    centre = (found["box"][:, :2] + found["box"][:, 2:]) / 2
    keep = np.ones(len(centre), bool)
    if clip.startswith("asl_"):
        keep = (centre[:, 0] > 250) & (centre[:, 0] < 400) & (centre[:, 1] > 40) & (centre[:, 1] < 190)
    return {k: v[keep] for k, v in found.items()}


def without_heads(frame, boxes, clip, rng):
    """Covers each head with wall from beside it, feathered; the bodies and hands stay."""
    h, w = frame.shape[:2]
    yy, xx = np.mgrid[:h, :w]
    out = frame.astype(np.float32)
    for x1, y1, x2, y2 in boxes:
        bw, bh = x2 - x1, y2 - y1
        cx, cy = (x1 + x2) / 2, (y1 + y2) / 2 - 0.1 * bh
        r = ((xx - cx) / (1.0 * bw)) ** 2 + ((yy - cy) / (0.95 * bh)) ** 2
        alpha = np.clip((1.25 - r) / 0.25, 0, 1)[..., None]
        if clip.startswith("asl_"):
            cover = np.roll(frame, int(rng.choice([-1, 1]) * bw * rng.uniform(2.3, 3.0)), 1)
        else:  # heads fill the frame: continue the wall inwards instead
            quarter = cv2.resize(out.astype(np.uint8), (w // 4, h // 4), interpolation=cv2.INTER_AREA)
            mask = cv2.resize((alpha[..., 0] > 0).astype(np.uint8), (w // 4, h // 4))
            cover = cv2.resize(cv2.inpaint(quarter, mask, 3, cv2.INPAINT_TELEA), (w, h))
        out = out * (1 - alpha) + cover * alpha
    return out.astype(np.uint8)


class Pack:
    def __init__(self):
        self.jpeg, self.rows = [], []

    def add(self, picture, kind, split, source, found, rect=None, data=None):
        """`found`: `box`, `points` and, where not all faces are sure, `sure`."""
        h, w = picture.shape[:2]
        data = data or cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])[1].tobytes()
        n = min(len(found["box"]), MAX_FACES) if found else 0
        box, points = np.zeros((MAX_FACES, 4), np.float32), np.zeros((MAX_FACES, 5, 2), np.float32)
        sure = np.ones(MAX_FACES, bool)
        if n:
            box[:n], points[:n] = found["box"][:n], found["points"][:n]
            sure[:n] = found["sure"][:n] if "sure" in found else True
        self.jpeg.append(data)
        rect = (0, 0, w, h) if rect is None else rect
        self.rows.append((kind, split, source, n, box, points, sure, rect, (w, h)))

    def save(self, path):
        kind, split, source, n, box, points, sure, rect, size = zip(*self.rows)
        offset = np.cumsum([0] + [len(j) for j in self.jpeg])
        np.savez(
            path, jpeg=np.frombuffer(b"".join(self.jpeg), np.uint8), jpeg_offset=offset,
            kind=np.array(kind), split=np.array(split), source=np.array(source),
            faces=np.array(n), box=np.array(box), points=np.array(points), sure=np.array(sure),
            rect=np.array(rect, np.float32), size=np.array(size),
        )  # fmt: skip
        print(f"{path}: {len(kind)} pictures, {os.path.getsize(path) / 2**20:.1f} MiB")


def agreed_faces(agreed, name):
    """Candidates of a portrait, the largest agreed one first; None where nothing is agreed."""
    of_picture = agreed["names"][agreed["picture"]] == name
    box, points = agreed["box"][of_picture], agreed["points"][of_picture]
    sure = (agreed["votes"][of_picture] > 0).sum(1) >= 2
    if len(box) == 1 and np.sqrt(np.prod(box[0, 2:] - box[0, :2])) > TITLE_SHARE * 400:
        sure[:] = True
    if not sure.any():
        return None
    order = np.lexsort((-(box[:, 2:] - box[:, :2]).prod(1), ~sure))
    return {"box": box[order], "points": points[order], "sure": sure[order]}


def add_portraits(pack, agreed, shared):
    """The synthetic people: SFHQ's faces and the portraits by attribute."""
    unsure = 0
    for name in agreed["names"]:
        picture, found = cv2.imread(f"{shared}/{name}"), agreed_faces(agreed, name)
        if found is None:
            unsure += 1
            continue
        if name.startswith("faces/"):
            top, bottom = mirror_axes(picture)
            left, right = mirror_axes(picture.transpose(1, 0, 2))
            rect = (left, top, right, bottom)
            split, kind = SPLIT_TEST if "/test/" in name else SPLIT_TRAIN, KIND_FACE
            found = {k: v[:1] for k, v in found.items()}
        else:
            split, kind, rect = SPLIT_TEST if held_out(name) else SPLIT_TRAIN, KIND_PORTRAIT, None
        pack.add(picture, kind, split, os.path.basename(name), found, rect)
    print(f"portraits: nothing agreed in {unsure} of {len(agreed['names'])}")


def add_turned(pack, path):
    """Portraits of the training people turned in space by `detector_yaw`."""
    data = np.load(path)
    offset = data["jpeg_offset"]
    for i, (a, b) in enumerate(zip(offset[:-1], offset[1:])):
        picture = cv2.imdecode(data["jpeg"][a:b], cv2.IMREAD_COLOR)
        found = {"box": data["box"][i : i + 1], "points": data["points"][i : i + 1]}
        source = f"turned:{os.path.basename(str(data['source'][i]))}"
        pack.add(picture, KIND_PORTRAIT, SPLIT_TRAIN, source, found, data=data["jpeg"][a:b].tobytes())
    print(f"turned: {len(offset) - 1}")


def add_clips(pack, teacher, shared, step, headless_step):
    rng = np.random.default_rng(7)
    for path in sorted(glob.glob(f"{shared}/clips/*")):
        clip = os.path.splitext(os.path.basename(path))[0]
        split = SPLIT_TEST if clip in HELD_OUT_CLIPS else SPLIT_TRAIN
        for index, frame in clip_frames(path, step):
            found = real_faces(run_teacher(teacher, frame), clip)
            # bystanders, half out of the picture, appear at the right edge of the asl_* clips
            rect = (0, 0, 560 if clip.startswith("asl_") else frame.shape[1], frame.shape[0])
            pack.add(frame, KIND_FRAME, split, f"{clip}:{index}", found, rect)
            if len(found["box"]) and index // step % headless_step == 0:
                covered = without_heads(frame, found["box"], clip, rng)
                pack.add(covered, KIND_HEADLESS, split, f"{clip}:{index}", None, rect)


def add_synthetic(pack, teacher, folder):
    """Renderings of the project's synthetic camera: the teacher's boxes, checked by the truth.

    A picture on which the two disagree about the number of faces is left out; one in eight is
    kept for testing.
    """
    with open(f"{folder}/truth.json") as file:
        truth = json.load(file)
    dropped = 0
    for i, entry in enumerate(truth):
        picture = to_frame_size(cv2.imread(f"{folder}/{entry['file']}"))
        boxes = np.array([f["box"] for f in entry["faces"]], np.float32).reshape(-1, 4)
        boxes *= picture.shape[1] / entry["width"]
        found = run_teacher(teacher, picture)
        iou = box_iou(torch.from_numpy(boxes), torch.as_tensor(found["box"])).numpy()
        pairs = iou > 0.3
        real = pairs.any(0) if len(boxes) else np.zeros(len(found["box"]), bool)
        if real.sum() != len(boxes):
            dropped += 1
            continue
        found = {k: v[real] for k, v in found.items()}
        split = SPLIT_TEST if i % 8 == 7 else SPLIT_TRAIN
        pack.add(picture, KIND_SYNTHETIC, split, f"synthetic:{entry['file']}", found)
    print(f"synthetic: {len(truth) - dropped} used, {dropped} left out")


def load(path):
    """Arrays of detector_data.npz, with `pictures`: a list of uint8 BGR arrays."""
    data = dict(np.load(path))
    jpeg, offset = data.pop("jpeg"), data.pop("jpeg_offset")
    with ThreadPoolExecutor() as pool:
        slices = [jpeg[a:b] for a, b in zip(offset[:-1], offset[1:])]
        data["pictures"] = list(pool.map(lambda j: cv2.imdecode(j, cv2.IMREAD_COLOR), slices))
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--agreed", required=True, help="labels of detector_teachers")
    parser.add_argument("--turned", help="turned portraits of detector_yaw")
    parser.add_argument("--synthetic", help="folder of the synthetic camera's PNGs and truth.json")
    parser.add_argument("--out", required=True)
    parser.add_argument("--step", type=int, default=4, help="take every n-th clip frame")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    teacher = Teacher(f"{args.shared}/models/retinaface_mnet025_640x640.onnx").eval()
    pack = Pack()
    add_portraits(pack, dict(np.load(args.agreed)), args.shared)
    add_clips(pack, teacher, args.shared, args.step, 3)
    if args.turned:
        add_turned(pack, args.turned)
    if args.synthetic:
        add_synthetic(pack, teacher, args.synthetic)
    pack.save(f"{args.out}/detector_data.npz")


if __name__ == "__main__":
    main()
