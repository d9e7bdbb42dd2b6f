"""All source pictures as one tensor on the GPU, and the faces known in them."""

from dataclasses import dataclass

import numpy as np
import torch

from .regions import region_from_detection, region_from_landmarks
from .sources import clip_paths, name_of, picture_paths, read_clip, read_picture

SURE_PRESENCE = 5.0  # teacher's logit; prints on clothes reach about 4, hidden faces about 9


@dataclass
class Atlas:
    """Pictures behind one another: `pixels` [n, 3] uint8 and, per picture, where it lies."""

    pixels: torch.Tensor
    offset: torch.Tensor
    width: torch.Tensor
    height: torch.Tensor

    def sample(self, picture, x, y, black, dtype):
        """Bilinear values [b, 3, h, w] in 0–1 of `picture` [b] at pixel positions [b, h, w].

        Outside its picture a sample repeats the edge, or is black where `black` [b] is 1.
        """
        offset, width, height = (t[picture].view(-1, 1, 1) for t in (self.offset, self.width, self.height))
        inside = torch.ones_like(x)
        for value, size in ((x, width), (y, height)):
            beyond = torch.maximum(-value, value - (size - 1)).clamp(0, 1)
            inside = inside * (1 - beyond * black.view(-1, 1, 1))
        x = torch.minimum(x.clamp(min=0), (width - 1).to(x.dtype))
        y = torch.minimum(y.clamp(min=0), (height - 1).to(y.dtype))
        left, top = x.long(), y.long()
        right, low = torch.minimum(left + 1, width - 1), torch.minimum(top + 1, height - 1)
        u, v = (x - left)[..., None], (y - top)[..., None]
        take = lambda row, column: self.pixels[offset + row * width + column].float()
        upper = torch.lerp(take(top, left), take(top, right), u)
        lower = torch.lerp(take(low, left), take(low, right), u)
        colour = torch.lerp(upper, lower, v) * (inside[..., None] / 255)
        return colour.to(dtype).permute(0, 3, 1, 2)


@dataclass
class Faces:
    """Known faces: `picture` number in the atlas, `landmarks` [n, 478, 3] in its pixels, mean-free
    unposed `shape` [n, 478, 3] with landmarks = centre + scale · shape @ rotationᵀ."""

    picture: torch.Tensor
    landmarks: torch.Tensor
    shape: torch.Tensor
    rotation: torch.Tensor
    scale: torch.Tensor
    centre: torch.Tensor
    weight: torch.Tensor


def unpose(landmarks, rounds=3):
    """Generalised Procrustes analysis: shapes, rotations [n, 3, 3], scales and centres."""
    centre = landmarks.mean(1)
    free = landmarks - centre[:, None]
    scale = np.sqrt((free**2).sum((1, 2)) / free.shape[1])
    free = free / scale[:, None, None]
    mean = free[0]
    for _ in range(rounds):
        u, _, vt = np.linalg.svd(np.einsum("nki,kj->nij", free, mean))
        flip = np.ones((len(free), 3))
        flip[:, 2] = np.sign(np.linalg.det(u @ vt))
        rotation = (u * flip[:, None]) @ vt
        shape = np.einsum("nki,nij->nkj", free, rotation)
        mean = shape.mean(0)
        mean *= np.sqrt(len(mean) / (mean**2).sum())
    return shape, rotation, scale, centre


def load(shared, sources, held_out=(), device="cpu", clip_share=0.5):
    """Training atlas and faces: pictures of faces/train and the clips that are not `held_out`."""
    table = dict(np.load(sources))  # an open npz would unpack a column at each use
    names, chunks, sizes, first = table["name"], [], [], {}
    for path in picture_paths(shared, "train"):
        first[name_of(path)] = len(sizes)
        picture = read_picture(path)
        chunks.append(picture.reshape(-1, 3))
        sizes.append(picture.shape[:2])
    pictures = len(sizes)
    for path in clip_paths(shared):
        if name_of(path) in held_out:
            continue
        first[name_of(path)] = len(sizes)
        frames = read_clip(path)
        chunks.append(frames.reshape(-1, 3))
        sizes += [frames.shape[1:3]] * len(frames)
    height, width = np.array(sizes).T
    offset = np.concatenate([[0], np.cumsum(height * width)[:-1]])
    to = lambda values, dtype=None: torch.as_tensor(np.ascontiguousarray(values), dtype=dtype, device=device)
    atlas = Atlas(to(np.concatenate(chunks)), to(offset), to(width), to(height))

    rows = [i for i, n in enumerate(names) if str(n) in first and table["presence"][i] >= SURE_PRESENCE]
    picture = np.array([first[str(names[i])] + table["frame"][i] for i in rows])
    landmarks = table["landmarks"][rows].astype(np.float64)
    shape, rotation, scale, centre = unpose(landmarks)
    weight = np.where(picture < pictures, (1 - clip_share) / (picture < pictures).sum(), 0.0)
    weight += clip_weights(names[rows], picture >= pictures) * clip_share
    real = torch.float32
    faces = Faces(to(picture), to(landmarks, real), to(shape, real), to(rotation, real),
                  to(scale, real), to(centre, real), to(weight, real))
    return atlas, faces


def clip_weights(names, is_clip):
    """Every clip the same share, every face within a clip the same."""
    weights = np.zeros(len(names))
    clips = sorted(set(names[is_clip]))
    for clip in clips:
        chosen = is_clip & (names == clip)
        weights[chosen] = 1 / (len(clips) * chosen.sum())
    return weights


def evaluation_sets(shared, sources):
    """Per clip and for faces/test: (name, pictures, faces), a face being (picture, region, how).

    `how` is "tracked" (region from the landmarks of the frame before, the pipeline's usual case)
    or "detected" (region from the RetinaFace box; also evaluated for every detected face).
    """
    table = dict(np.load(sources))  # an open npz would unpack a column at each use
    sets = []
    for path in clip_paths(shared):
        rows = [i for i in np.flatnonzero(table["name"] == name_of(path)) if table["presence"][i] >= SURE_PRESENCE]
        faces = []
        for i in rows:
            landmarks, frame = table["landmarks"][i], table["frame"][i]
            before = [j for j in rows if table["frame"][j] == frame - 1]
            distance = [np.linalg.norm((table["landmarks"][j] - landmarks)[:, :2].mean(0)) for j in before]
            if distance and min(distance) < np.ptp(landmarks[:, :2], 0).max() / 3:
                faces.append((frame, region_from_landmarks(table["landmarks"][before[int(np.argmin(distance))]]), "tracked"))
            if table["box"][i, 0] >= 0:
                faces.append((frame, region_from_detection(table["box"][i], table["eyes"][i]), "detected"))
        sets.append((name_of(path), read_clip(path), faces))
    pictures, faces = [], []
    for path in picture_paths(shared, "test"):
        row = np.flatnonzero(table["name"] == name_of(path))[0]
        faces.append((len(pictures), region_from_landmarks(table["landmarks"][row]), "tracked"))
        pictures.append(read_picture(path))
    sets.append(("faces/test", pictures, faces))
    return sets
