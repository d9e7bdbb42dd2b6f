"""Recall and false faces of a detector at every score threshold, on composites.

    python -m mien_training.detector_operating --data .train models/detector.onnx
    python -m mien_training.detector_operating --data .train out/detector.pt --train-people --seed 91

The pictures are of the kinds of `detector_eval composites`, the reference is the teacher's faces.
Choose a threshold on the training people (`--train-people`, another seed than training's), report
it on the others. With `--save` the score, size and visibility of every face are kept, and a
sheet of what was falsely found.
"""

import argparse
from collections import defaultdict

import cv2
import numpy as np
import torch

from . import detector_model as model
from .detector_compose import Composer, Recipe
from .detector_eval import TorchDetector, known_faces, load_student, match
from .detector_prepare import SPLIT_TEST, SPLIT_TRAIN, load

THRESHOLDS = (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9)
LOWEST_SCORE = 0.05
SHEET_SCORE, TILE = 0.45, 120
FACE_COLUMNS = ("size", "visible", "inside", "sharp", "upright", "teacher")


def face_scores(reference, found, made, i):
    """Per face of the teacher: the student's score (0: not found) and what the face is like."""
    best = np.zeros(len(reference["box"]))
    for r, j, _ in match(reference["box"], found["box"]):
        best[r] = found["score"][j]
    height, width = made.clean.shape[2:]
    iou = model.box_iou(torch.as_tensor(reference["box"]), made.box[i].cpu())
    true = (iou * (made.visible[i].cpu() > 0.02)).argmax(1)
    columns = []
    for r, k in enumerate(true.tolist()):
        x1, y1, x2, y2 = made.box[i, k].tolist()
        shown = (min(x2, width) - max(x1, 0)) * (min(y2, height) - max(y1, 0)) / ((x2 - x1) * (y2 - y1))
        columns.append(((x2 - x1 + y2 - y1) / 2, float(made.visible[i, k]), shown, float(made.sharp[i, k]),
                        float(made.upright[i, k]), float(reference["score"][r])))  # fmt: skip
    return np.column_stack((best, np.array(columns).reshape(len(best), len(FACE_COLUMNS))))


def tile(picture, box, label):
    """A square cut around a box of a picture [3,H,W], with a label, to look at."""
    x1, y1, x2, y2 = box
    half, edge = 1.2 * max(x2 - x1, y2 - y1) + 4, 400
    pixels = picture.permute(1, 2, 0).clamp(0, 255).byte().cpu().numpy()
    pixels = np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)))
    left, top = int((x1 + x2) / 2 - half) + edge, int((y1 + y2) / 2 - half) + edge
    cut = pixels[max(0, top) : top + int(2 * half), max(0, left) : left + int(2 * half)]
    if not cut.size:
        return np.zeros((TILE, TILE, 3), np.uint8)
    cut = cv2.resize(cut, (TILE, TILE), interpolation=cv2.INTER_AREA)
    cv2.putText(cut, label, (2, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 255, 0))
    return cut


def write_sheet(path, tiles, columns=12):
    tiles = tiles[:240]
    tiles += [np.zeros((TILE, TILE, 3), np.uint8)] * (-len(tiles) % columns or (columns if not tiles else 0))
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    cv2.imwrite(path, np.vstack(rows))


def evaluate(args):
    split = SPLIT_TRAIN if args.train_people else SPLIT_TEST
    data = load(f"{args.data}/detector_data.npz")
    composer = Composer(data, split, args.device, seed=args.seed, recipe=Recipe(clutter=args.clutter))
    student = TorchDetector(load_student(args.model), args.device, LOWEST_SCORE)
    teacher = TorchDetector(model.Teacher(f"{args.data}/retinaface_mnet025_640x640.onnx"), args.device)
    for height, width in ((480, 640), (256, 320)):
        faces, false, tiles = defaultdict(list), defaultdict(list), []
        for _ in range(args.batches):
            made = composer.make(args.batch, height, width, faces=4)
            wanted = teacher(made.clean)
            for how, pictures in (("clean", made.clean), ("degraded", made.degraded)):
                for i, found in enumerate(student(pictures)):
                    box, visible = made.box[i].cpu(), made.visible[i].cpu()
                    reference, _ = known_faces(wanted[i], box, visible)
                    real, _ = known_faces(found, box, visible)
                    faces[how].append(face_scores(reference, real, made, i))
            made = composer.make(args.batch, height, width, faces=0, frames=0.0)
            for how, pictures in (("clean", made.clean), ("degraded", made.degraded)):
                for picture, found in zip(pictures, student(pictures)):
                    false[how] += list(found["score"])
                    for box, score in zip(found["box"], found["score"]):
                        if args.save and score >= SHEET_SCORE:
                            tiles.append(tile(picture, box, f"{score:.2f} {box[3] - box[1]:.0f}px {how}"))
        faces = {how: np.concatenate(rows) for how, rows in faces.items()}
        n = args.batch * args.batches
        print(f"\n{width}×{height}, {n} composites with and {n} without faces; score: recall / false faces a 200")
        for how, rows in faces.items():
            cells = [
                f"{t}: {100 * (rows[:, 0] >= t).mean():.1f} / {200 * (np.array(false[how]) >= t).sum() / n:.1f}"
                for t in THRESHOLDS
            ]
            print(f"  {how:8} ({len(rows)} faces)  " + "  ".join(cells))
        if args.save:
            write_sheet(f"{args.save}-{width}-false.jpg", tiles)
            np.savez(f"{args.save}-{width}.npz", columns=np.array(("score", *FACE_COLUMNS)),
                     **faces, **{f"false_{how}": scores for how, scores in false.items()})  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="torch checkpoint, or ONNX file of detector_export")
    parser.add_argument("--data", required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--train-people", action="store_true", help="of the training split, to choose by")
    parser.add_argument("--seed", type=int, default=78)
    parser.add_argument("--clutter", type=int, default=400, help="dead-leaves pictures in store")
    parser.add_argument("--save", help="write the scores of all faces to SAVE-WIDTH.npz")
    evaluate(parser.parse_args())


if __name__ == "__main__":
    main()
