"""Square pictures without a face that a detector or the landmark student takes for one.

python -m mien_training.negatives --photos data/detector_photos.npz --shared ../shared \
    --student models/landmarks.onnx --out ../shared-copy/negatives

`--photos` are the detector's face-free pictures (`detector_photos`, `detector_lettering`: JPEG bytes).
Of each, the places that RetinaFace likes best and those of `TRIES` random squares that the student
likes best are cut out, as the landmark model would see them.
"""

import argparse
import os

import cv2
import numpy as np

from .evaluate import onnx_answers
from .regions import crop, region_from_detection
from .sources import FaceFinder

SIZE = 240
TRIES, KEPT, DETECTED = 16, 1, 2
LEAST_SCORE = 0.08
SEED = 31


def pictures_of(path):
    """Every picture [h, w, 3] (RGB) of a packed file."""
    packed = np.load(path)
    data, ends = packed["jpeg"], packed["jpeg_offset"]
    for start, end in zip(ends[:-1], ends[1:]):
        yield np.ascontiguousarray(cv2.imdecode(data[start:end], cv2.IMREAD_COLOR)[:, :, ::-1])


def random_regions(picture, rng):
    height, width = picture.shape[:2]
    side = min(height, width) * np.exp(rng.uniform(np.log(0.12), np.log(0.9), TRIES))
    return [np.array([*(rng.random(2) * (width, height)), s, rng.uniform(-0.5, 0.5)], np.float32) for s in side]


def squares(picture, finder, answers, rng):
    """The crops [SIZE, SIZE, 3] of one picture that look most like a face."""
    import torch

    boxes, eyes, _ = finder.detect(picture, threshold=LEAST_SCORE)
    found = [crop(picture, region_from_detection(b, e), SIZE) for b, e in zip(boxes[:DETECTED], eyes[:DETECTED])]
    tried = [crop(picture, region, SIZE) for region in random_regions(picture, rng)]
    small = np.stack([cv2.resize(c, (192, 192), interpolation=cv2.INTER_AREA) for c in tried]).transpose(0, 3, 1, 2)
    _, logits = answers(torch.from_numpy(small.copy()))
    return found + [tried[i] for i in np.argsort(-logits)[:KEPT]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", nargs="+", required=True)
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--student", default="models/landmarks.onnx")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    finder, (answers, _), rng = FaceFinder(options.shared), onnx_answers(options.student), np.random.default_rng(SEED)
    os.makedirs(options.out, exist_ok=True)
    count = 0
    for path in options.photos:
        for picture in pictures_of(path):
            for square in squares(picture, finder, answers, rng):
                cv2.imwrite(os.path.join(options.out, f"negative-{count:04}.jpg"), square[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
                count += 1
    print(f"{options.out}: {count} squares without a face")


if __name__ == "__main__":
    main()
