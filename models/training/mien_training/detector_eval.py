"""Measures a detector against the teacher.

    python -m mien_training.detector_eval clips --shared ../shared models/detector.onnx
    python -m mien_training.detector_eval faceless FOLDER models/detector.onnx
    python -m mien_training.detector_eval composites --data .traindet out/detector.pt

`clips`: real webcam clips through onnxruntime, at full and at reduced input sizes; the
reference is always the teacher on the full-size frame. `faceless`: random crops of photographs
in which nobody is. `composites`: pictures made from people
and clips that training never saw, on any torch device; the reference is the teacher on the same
picture before noise and JPEG. For these the detector is a torch checkpoint or an ONNX file of
`detector_export`.
"""

import argparse
import glob
import os
from collections import defaultdict

import cv2
import numpy as np
import torch

from . import detector_model as model
from .detector_import import load_onnx
from .detector_prepare import HELD_OUT_CLIPS, SPLIT_TEST, clip_frames, load, real_faces

SIZE_BINS = (0, 16, 24, 32, 48, 96, 192, 1000)


class Tally:
    """Recall, overlap and point error of found faces against a reference's faces."""

    def __init__(self):
        self.wanted = self.hit = self.extra = self.pictures = 0
        self.iou, self.points = [], []

    def add(self, reference, found):
        self.pictures += 1
        self.wanted += len(reference["box"])
        pairs = match(reference["box"], found["box"])
        self.hit += len(pairs)
        self.extra += len(found["box"]) - len(pairs)
        for i, j, iou in pairs:
            size = np.sqrt(np.prod(reference["box"][i, 2:] - reference["box"][i, :2]))
            gap = np.linalg.norm(reference["points"][i] - found["points"][j], axis=-1).mean()
            self.iou.append(iou)
            self.points.append(gap / size)
        return pairs

    def __str__(self):
        if not self.wanted:
            return f"no faces wanted, {self.extra} extra in {self.pictures} pictures"
        return (
            f"recall {100 * self.hit / self.wanted:6.2f} % of {self.wanted:4}  "
            f"IoU {np.mean(self.iou or [np.nan]):.3f}  "
            f"points {100 * np.mean(self.points or [np.nan]):.2f} % of size  "
            f"extra {self.extra} in {self.pictures}"
        )


def match(wanted, found, limit=0.5):
    """Greedy one-to-one matching by overlap: (wanted index, found index, IoU)."""
    if not len(wanted) or not len(found):
        return []
    iou = model.box_iou(torch.as_tensor(wanted), torch.as_tensor(found)).numpy().copy()
    pairs = []
    while iou.max() >= limit:
        i, j = np.unravel_index(iou.argmax(), iou.shape)
        pairs.append((i, j, float(iou[i, j])))
        iou[i], iou[:, j] = -1, -1
    return pairs


class OnnxDetector:
    """A detector file at one input size; pictures are scaled to fit, top left."""

    def __init__(self, path, width, height, score=0.5):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.width, self.height, self.score = width, height, score

    def __call__(self, bgr):
        h, w = bgr.shape[:2]
        scale = min(self.width / w, self.height / h)
        scaled = bgr
        if scale != 1:
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            scaled = cv2.resize(bgr, (round(w * scale), round(h * scale)), interpolation=how)
        canvas = np.zeros((self.height, self.width, 3), np.uint8)
        canvas[: scaled.shape[0], : scaled.shape[1]] = scaled
        feed = {"input": model.to_network_input(canvas)}
        loc, conf, landms = self.session.run(["loc", "conf", "landms"], feed)
        found = model.detections(loc[0], conf[0, :, 1], landms[0], self.height, self.width, self.score)
        found["box"], found["points"] = found["box"] / scale, found["points"] / scale
        return found


def dynamic_teacher(shared, folder):
    """The teacher's file with free height and width, which its fixed-size file forbids."""
    import onnx
    from onnx import numpy_helper

    proto = onnx.load(f"{shared}/models/retinaface_mnet025_640x640.onnx")
    for value in [*proto.graph.input, *proto.graph.output]:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if axis != 1 or value.name != "input":
                if dim.dim_value not in (2, 4, 10):
                    dim.dim_param = f"{value.name}{axis}"
    shapes = {n.input[1] for n in proto.graph.node if n.op_type == "Reshape"}
    for tensor in proto.graph.initializer:
        if tensor.name in shapes:
            last = numpy_helper.to_array(tensor)[-1]
            tensor.CopyFrom(numpy_helper.from_array(np.array((0, -1, last), np.int64), tensor.name))
    del proto.graph.value_info[:]
    path = f"{folder}/teacher_dynamic.onnx"
    onnx.save(proto, path)
    return path


INPUTS = ((640, 480), (640, 640), (480, 384), (320, 256))


def evaluate_clips(args):
    teacher_path = dynamic_teacher(args.shared, args.temporary)
    reference = OnnxDetector(teacher_path, 640, 480)
    rivals = {("student", s): OnnxDetector(args.model, *s) for s in INPUTS}
    rivals |= {("teacher", s): OnnxDetector(teacher_path, *s) for s in INPUTS}
    total = defaultdict(Tally)
    frames_with_face = defaultdict(lambda: [0, 0])
    for path in sorted(glob.glob(f"{args.shared}/clips/*")):
        clip = os.path.splitext(os.path.basename(path))[0]
        per_clip = defaultdict(Tally)
        for _, frame in clip_frames(path, args.step):
            wanted = real_faces(reference(frame), clip)
            for key, detector in rivals.items():
                found = detector(frame)
                group = "held out" if clip in HELD_OUT_CLIPS else "trained on"
                per_clip[key].add(wanted, found)
                total[(group, *key)].add(wanted, found)
                frames_with_face[(clip.split("_")[0], *key)][0] += len(real_faces(found, clip)["box"]) > 0
                frames_with_face[(clip.split("_")[0], *key)][1] += 1
        for size in INPUTS:
            print(f"{clip:26} {size[0]}×{size[1]}  {per_clip['student', size]}", flush=True)
    print()
    for (group, who, size), tally in sorted(total.items()):
        print(f"{group:10} clips, {who} {size[0]}×{size[1]}: {tally}")
    for (group, who, size), (hit, n) in sorted(frames_with_face.items()):
        print(f"{group}_* frames with a face, {who} {size[0]}×{size[1]}: {100 * hit / n:.2f} % of {n}")


def evaluate_faceless(args):
    teacher_path = dynamic_teacher(args.shared, args.temporary)
    pictures = [cv2.imread(p) for p in sorted(glob.glob(f"{args.folder}/*"))]
    for size in ((640, 480), (320, 256)):
        rng = np.random.default_rng(5)
        rivals = {"student": OnnxDetector(args.model, *size), "teacher": OnnxDetector(teacher_path, *size)}
        false = defaultdict(int)
        for i in range(args.crops):
            picture = pictures[i % len(pictures)]
            h, w = picture.shape[:2]
            share = rng.uniform(0.3, 1.0)
            ch, cw = int(h * share), int(w * share)
            y, x = rng.integers(h - ch + 1), rng.integers(w - cw + 1)
            crop = cv2.resize(picture[y : y + ch, x : x + cw], size)
            for who, detector in rivals.items():
                false[who] += len(detector(crop)["box"])
        for who in rivals:
            print(f"{len(pictures)} photographs, {args.crops} crops at {size[0]}×{size[1]}: "
                  f"{who} {false[who]} false faces, {200 * false[who] / args.crops:.2f} a 200")  # fmt: skip


def load_student(path):
    if path.endswith(".onnx"):
        return load_onnx(path)
    return model.Student.load(path)


class TorchDetector:
    def __init__(self, net, device, score=0.5):
        self.net, self.device, self.score = net.eval().to(device), device, score

    @torch.no_grad()
    def __call__(self, bgr):
        """Faces of each picture of [N,3,H,W] BGR 0–255."""
        mean = torch.tensor(model.BGR_MEAN, device=bgr.device).view(1, 3, 1, 1)
        loc, face, landms = (t.float().cpu() for t in self.net(bgr - mean))
        if isinstance(self.net, model.Student):
            face = torch.sigmoid(face)
        h, w = bgr.shape[2:]
        return [model.detections(*out, h, w, self.score) for out in zip(loc, face, landms)]


def only(found, keep):
    return {k: v[keep] for k, v in found.items()}


def known_faces(found, box, visible):
    """Splits a detector's faces into true ones and inventions, by the composer's geometry."""
    if not len(found["box"]):
        return found, 0
    iou = model.box_iou(torch.as_tensor(found["box"]), box[visible > 0.02].cpu())
    real = (iou.amax(1) > 0.3).numpy() if iou.shape[1] else np.zeros(len(found["box"]), bool)
    return only(found, real), int((~real).sum())


def evaluate_composites(args):
    from .detector_compose import Composer, Recipe

    net = load_student(args.model)
    data = load(f"{args.data}/detector_data.npz")
    composer = Composer(data, SPLIT_TEST, args.device, seed=77, recipe=Recipe(clutter=args.clutter))
    student = TorchDetector(net, args.device)
    teacher = TorchDetector(model.Teacher(f"{args.data}/retinaface_mnet025_640x640.onnx"), args.device)
    for height, width in ((480, 640), (256, 320)):
        tallies, truth = defaultdict(Tally), defaultdict(lambda: [0, 0])
        invented = defaultdict(int)
        for _ in range(args.batches):
            made = composer.make(args.batch, height, width, faces=4)
            wanted = teacher(made.clean)
            rivals = {"student clean": student(made.clean), "student degraded": student(made.degraded),
                      "teacher degraded": teacher(made.degraded)}  # fmt: skip
            size = (made.box[..., 2:] - made.box[..., :2]).mean(-1).cpu().numpy()
            findable = ((made.visible > 0.6) & made.upright & made.sharp).cpu().numpy()
            for i in range(args.batch):
                box, visible = made.box[i].cpu(), made.visible[i].cpu()
                reference, false = known_faces(wanted[i], box, visible)
                invented["teacher clean"] += false
                for who, found in {"teacher clean": wanted, **rivals}.items():
                    real, false = known_faces(found[i], box, visible)
                    if who != "teacher clean":
                        invented[who] += false
                        tallies[who].add(reference, real)
                    hit = {p[0] for p in match(box[findable[i]].numpy(), real["box"], 0.4)}
                    for j, s in enumerate(size[i][findable[i]]):
                        key = who, int(np.digitize(s, SIZE_BINS))
                        truth[key][0] += j in hit
                        truth[key][1] += 1
        n = args.batch * args.batches
        print(f"\n{width}×{height}, {n} held-out composites; teacher's faces:")
        for who, tally in tallies.items():
            print(f"  {who:17} {tally}; inventions {200 * invented[who] / n:.2f} a 200 pictures")
        print(f"  teacher clean     inventions {200 * invented['teacher clean'] / n:.2f} a 200 pictures")
        for who in ("teacher clean", "student clean", "teacher degraded", "student degraded"):
            cells = [
                f"{low}-{high}px {100 * truth[who, b][0] / max(1, truth[who, b][1]):.1f}%"
                for b, (low, high) in enumerate(zip(SIZE_BINS[:-1], SIZE_BINS[1:]), 1)
                if truth[who, b][1]
            ]
            print(f"  visible faces found, {who:17}", " ".join(cells))
        for clean in (True, False):
            counts = defaultdict(int)
            for _ in range(args.batches):
                made = composer.make(args.batch, height, width, faces=0, frames=0.0)
                for who, detector in (("student", student), ("teacher", teacher)):
                    for found in detector(made.clean if clean else made.degraded):
                        counts[who] += len(found["box"])
            for who, count in counts.items():
                print(f"  pictures without a face, {'clean' if clean else 'degraded'}: {who} "
                      f"{200 * count / n:.2f} false faces a 200")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    modes = parser.add_subparsers(dest="mode", required=True)
    clips = modes.add_parser("clips")
    clips.add_argument("model")
    clips.add_argument("--shared", default="../shared")
    clips.add_argument("--step", type=int, default=1)
    clips.add_argument("--temporary", default="/tmp")
    faceless = modes.add_parser("faceless")
    faceless.add_argument("folder")
    faceless.add_argument("model")
    faceless.add_argument("--shared", default="../shared")
    faceless.add_argument("--crops", type=int, default=400)
    faceless.add_argument("--temporary", default="/tmp")
    composites = modes.add_parser("composites")
    composites.add_argument("model")
    composites.add_argument("--data", required=True)
    composites.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    composites.add_argument("--batch", type=int, default=50)
    composites.add_argument("--batches", type=int, default=20)
    composites.add_argument("--clutter", type=int, default=400, help="dead-leaves pictures in store")
    args = parser.parse_args()
    modes = {"clips": evaluate_clips, "faceless": evaluate_faceless, "composites": evaluate_composites}
    modes[args.mode](args)


if __name__ == "__main__":
    main()
