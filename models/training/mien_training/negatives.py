"""Square pictures without a face that a detector or the landmark student takes for one.

python -m mien_training.negatives --photos data/detector_photos.npz --shared ../shared \
    --student models/landmarks.onnx --out ../shared-copy/negatives

`--photos` are the detector's face-free pictures (`detector_photos`, `detector_lettering`: JPEG bytes).
Of each, the places that RetinaFace likes best and those of `TRIES` random squares that the student
likes best are cut out, as the landmark model would see them.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np
import torch

from .evaluate import onnx_answers
from .regions import crop, region_from_detection
from .sources import FaceFinder

SIZE = 240
TRIES, KEPT, DETECTED = 16, 1, 2
LEAST_SCORE = 0.08
SEED = 31
WORKER = {}  # of each process: the detector and the student


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


def start_worker(shared, student):
    torch.set_num_threads(1)
    WORKER.update(finder=FaceFinder(shared, threads=1), answers=onnx_answers(student, threads=1)[0])


def squares(picture, number):
    """The crops [SIZE, SIZE, 3] of one picture that look most like a face."""
    finder, answers, rng = WORKER["finder"], WORKER["answers"], np.random.default_rng(SEED + number)
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
    os.makedirs(options.out, exist_ok=True)
    pictures = [picture for path in options.photos for picture in pictures_of(path)]
    count = 0
    with ProcessPoolExecutor(initializer=start_worker, initargs=(options.shared, options.student)) as pool:
        for found in pool.map(squares, pictures, range(len(pictures)), chunksize=8):
            for square in found:
                path = os.path.join(options.out, f"negative-{count:04}.jpg")
                cv2.imwrite(path, square[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
                count += 1
    print(f"{options.out}: {count} squares without a face")


if __name__ == "__main__":
    main()
