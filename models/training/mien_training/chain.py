"""Both students one after the other against both teachers: the product's coefficients.

python -m mien_training.chain ../../landmarks.onnx ../../blendshapes.onnx --shared ../shared --sources .train/sources.npz
"""

import argparse
import os

import numpy as np
import onnxruntime
import torch

from .atlas import evaluation_sets
from .blendshapes import as_function, coefficient_names, point_indices, teacher_of
from . import regions
from .limits import Pair


def in_frame(points, faces):
    """Crop landmarks (0–1) of `faces` in pixels of their frames."""
    return np.stack([regions.in_frame(p, region) for p, (_, region) in zip(points, faces)])


def both_regions(pictures, faces):
    """The faces of one clip that have a tracked and a detected region: two lists in step."""
    tracked, detected = [], []
    for first, second in zip(faces, faces[1:]):
        if (first[2], second[2]) == ("tracked", "detected") and first[0] == second[0]:
            tracked.append((pictures[first[0]], first[1]))
            detected.append((pictures[second[0]], second[1]))
    return tracked, detected


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("landmarks")
    parser.add_argument("blendshapes")
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--sources", default=".train/sources.npz")
    options = parser.parse_args()
    teacher_file = os.path.join(options.shared, "models", "mediapipe_face_landmarks_detector.onnx")
    pair, names = Pair(options.landmarks, teacher_file), coefficient_names(options.shared)
    session = onnxruntime.InferenceSession(options.blendshapes)
    teacher, indices = as_function(teacher_of(options.shared, "cpu"), "cpu"), point_indices(options.shared)
    judge = lambda landmarks: teacher(torch.from_numpy(landmarks[:, indices, :2]))
    print("| clip | faces | students, mean | largest | teachers on two regions, mean | largest |")
    print("| --- | --- | --- | --- | --- | --- |")
    totals = [[], []]
    for name, pictures, faces in evaluation_sets(options.shared, options.sources):
        tracked, detected = both_regions(pictures, faces)
        if not tracked:
            continue
        truth, _, points, _ = pair.answers(tracked)
        want = judge(in_frame(truth, tracked))
        have = session.run(None, {"points": np.ascontiguousarray(in_frame(points, tracked)[:, indices, :2])})[0]
        other = judge(in_frame(pair.teacher_answers(detected)[0], detected))
        cells = []
        for total, values in zip(totals, (have, other)):
            total.append(np.abs(want - values))
            mean = total[-1].mean(0)
            cells.append(f"{mean.mean():.4f} | {names[mean.argmax()]} {mean.max():.3f}")
        print(f"| {name} | {len(tracked)} | {' | '.join(cells)} |", flush=True)
    for title, total in zip(("students", "teachers on two regions"), totals):
        mean = np.concatenate(total).mean(0)
        largest = ", ".join(f"{names[i]} {mean[i]:.3f}" for i in mean.argsort()[::-1][:8])
        print(f"{title}, all clips: mean {mean.mean():.4f}; largest {largest}")


if __name__ == "__main__":
    main()
