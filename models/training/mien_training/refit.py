"""Fits the landmark student's last layer again, on plain pictures of the training people, on a CPU.

python -m mien_training.refit run/last.grown.average.pt refit.pt --shared ../shared --sources .train/sources.npz

The long training shows the student few plain pictures. Here the last layer is fitted by ridge regression towards
its trained weights: features of every training face of people/ and faces/train in four regions (two as a tracker has
them, one as a detector, one far off), labels from the teacher's own region. The strength is chosen by
cross-validation over faces. Everything before the last layer, and presence, stay as they are.
"""

import argparse

import numpy as np
import torch

from .landmarks_import import from_checkpoint
from .people_split import held_out
from .regions import crop, region_from_landmarks
from .sources import name_of, people_paths, picture_paths, read_picture

SPREADS = ((0.012, 0.03, 0.03), (0.012, 0.03, 0.03), (0.05, 0.10, 0.14), (0.08, 0.15, 0.30))  # shift, zoom, turn
LEAST_PRESENCE = 8.0
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1, 10)
FOLDS = 5
SEED = 5
# `sources` counts crop pixels from their centres; the networks count from the picture's edge.
HALF_PIXEL = 0.5 / 256


def hidden(model, crops):
    """Landmarks' inputs [n, hidden] for crops [n, 3, s, s] in 0–1."""
    with torch.no_grad():
        return torch.relu(model.features(model.body(crops * 2 - 1).flatten(1)))


def regions_around(landmarks, rng):
    x, y, side, angle = region_from_landmarks(landmarks)
    for shift, zoom, turn in SPREADS:
        dx, dy, dz, dt = rng.normal(0, 1, 4)
        region = (x + side * shift * dx, y + side * shift * dy, side * np.exp(zoom * dz), angle + turn * dt)
        yield np.array(region, np.float32)


def label(landmarks, region):
    """Landmarks in shares (0–1) of the region, and the interocular distance in the same unit."""
    x, y, side, angle = region
    cos, sin = np.cos(angle), np.sin(angle)
    flat = (landmarks[:, :2] - (x, y)) @ np.array([[cos, -sin], [sin, cos]]) / side + 0.5
    flat = flat - HALF_PIXEL * region_from_landmarks(landmarks)[2] / side
    eyes = np.linalg.norm((landmarks[468] - landmarks[473])[:2]) / side
    return np.column_stack([flat, landmarks[:, 2] / side]).reshape(-1), eyes


def examples(model, shared, sources):
    """Features with a 1 at the end, labels, interocular distances and the face's number, per crop."""
    table, first, rng = dict(np.load(sources)), {}, np.random.default_rng(SEED)
    for row, name in enumerate(table["name"].astype(str)):
        first.setdefault(name, row)
    paths = [p for p in people_paths(shared) if not held_out(p)] + picture_paths(shared, "train")
    rng.shuffle(paths)
    features, labels, eyes, face = [], [], [], []
    for number, path in enumerate(paths):
        row = first[name_of(path)]
        if table["presence"][row] < LEAST_PRESENCE:
            continue
        picture, landmarks = read_picture(path), table["landmarks"][row]
        regions = list(regions_around(landmarks, rng))
        crops = np.stack([crop(picture, region, model.size) for region in regions]).transpose(0, 3, 1, 2)
        features.append(hidden(model, torch.from_numpy(crops.astype(np.float32) / 255)).numpy())
        for region in regions:
            wanted, distance = label(landmarks, region)
            labels.append(wanted), eyes.append(distance), face.append(number)
    features = np.concatenate(features).astype(np.float64)
    return np.column_stack([features, np.ones(len(features))]), np.array(labels), np.array(eyes), np.array(face)


def percent(difference, eyes):
    return 100 * np.linalg.norm(difference.reshape(len(eyes), 478, 3)[..., :2], axis=2).mean(1) / eyes


def ridge(features, difference, weights, strength):
    """The change [hidden + 1, 1434] of the layer that explains `difference`, kept small by `strength`."""
    weighted = (features * weights[:, None]).T
    square = weighted @ features
    penalty = strength * np.trace(square) / len(square) * np.eye(len(square))
    return np.linalg.solve(square + penalty, weighted @ difference)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("out")
    parser.add_argument("--shared", default="../shared")
    parser.add_argument("--sources", default=".train/sources.npz")
    options = parser.parse_args()
    model = from_checkpoint(options.checkpoint, "cpu").eval()
    features, labels, eyes, face = examples(model, options.shared, options.sources)
    layer = torch.cat([model.landmarks.weight.T, model.landmarks.bias[None]]).double().detach().numpy()
    difference = labels - features @ layer
    before = percent(difference, eyes)
    weights = 1 / eyes**2 / (1 + (before / 3) ** 2)  # robust, relative to the interocular distance
    print(f"{len(eyes)} crops, as trained: {before.mean():.3f} %")
    numbers = np.unique(face)
    fold = dict(zip(numbers, np.random.default_rng(0).permutation(len(numbers)) % FOLDS))
    fold = np.array([fold[number] for number in face])
    errors = {}
    for strength in STRENGTHS:
        left = []
        for k in range(FOLDS):
            change = ridge(features[fold != k], difference[fold != k], weights[fold != k], strength)
            left.append(percent(difference[fold == k] - features[fold == k] @ change, eyes[fold == k]))
        errors[strength] = np.concatenate(left).mean()
        print(f"strength {strength}: {errors[strength]:.3f} %", flush=True)
    layer = (layer + ridge(features, difference, weights, min(errors, key=errors.get))).T
    saved = torch.load(options.checkpoint, map_location="cpu")
    state = saved.get("average", saved.get("model"))
    state["landmarks.weight"] = torch.from_numpy(layer[:, :-1].copy()).float()
    state["landmarks.bias"] = torch.from_numpy(layer[:, -1].copy()).float()
    torch.save(saved, options.out)


if __name__ == "__main__":
    main()
