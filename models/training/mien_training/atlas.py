"""All source pictures as one tensor on the GPU, and the faces known in them."""

from dataclasses import dataclass

import numpy as np
import torch

from .regions import in_frame, region_from_detection, region_from_landmarks
from .people_split import held_out
from .sources import clip_paths, name_of, negative_paths, people_paths, picture_paths, read_clip, read_picture

SURE_PRESENCE = 5.0  # teacher's logit; prints on clothes reach about 4, hidden faces about 9


@dataclass
class Atlas:
    """Pictures behind one another: `pixels` [n, 3] uint8 and, per picture, where it lies."""

    pixels: torch.Tensor
    offset: torch.Tensor
    width: torch.Tensor
    height: torch.Tensor

    def sample(self, picture, x, y):
        """Bilinear values [b, 3, h, w] in 0–1 of `picture` [b] at pixel positions [b, h, w]; outside its
        picture a sample repeats the edge, as the pipeline's crops do."""
        offset, width, height = (t[picture].view(-1, 1, 1) for t in (self.offset, self.width, self.height))
        x = torch.minimum(x.clamp(min=0), (width - 1).to(x.dtype))
        y = torch.minimum(y.clamp(min=0), (height - 1).to(y.dtype))
        left, top = x.int(), y.int()
        u, v = (x - left)[..., None], (y - top)[..., None]
        upper = offset + top * width + left
        right = (left < width - 1).long()
        lower = upper + (top < height - 1) * width
        take = lambda index: self.pixels[index].float()
        colour = torch.lerp(torch.lerp(take(upper), take(upper + right), u), torch.lerp(take(lower), take(lower + right), u), v)
        return (colour / 255).permute(0, 3, 1, 2)


@dataclass
class Others:
    """Regions without a face: `picture` [m] in the atlas, `region` [m, 4] (x, y, side, angle)."""

    picture: torch.Tensor
    region: torch.Tensor


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


SHARES = (0.30, 0.25, 0.45)  # of clips, faces and people among the training scenes
# People of whom there are few pictures and from whom there is much to learn count more.
BOOSTS = {"sunglasses": 4.0, "reading_glasses": 4.0, "senior": 3.0, "old": 3.0, "african": 3.0, "baby": 1.5, "toddler": 1.5,
          "child": 1.5, "beard": 2.0, "sideburns": 1.5, "night": 2.0, "closed": 2.0, "expression": 3.0, "eye_gaze": 1.5}  # fmt: skip


def boost(name):
    """Weight of a picture of `people/` by what its name says."""
    return max((value for word, value in BOOSTS.items() if word in name), default=1.0)


def training_pictures(shared):
    """(name, group, frames) of everything to train on; group 0: clips, 1: faces, 2: people, 3: no face."""
    for path in picture_paths(shared, "train"):
        yield name_of(path), 1, read_picture(path)[None]
    for path in people_paths(shared):
        if not held_out(path):
            yield name_of(path), 2, read_picture(path)[None]
    for path in negative_paths(shared):
        yield name_of(path), 3, read_picture(path)[None]
    for path in clip_paths(shared):
        yield name_of(path), 0, read_clip(path)


def is_a_face(table, row, group):
    """Each picture of people shows a face, its first find, however unsure the teacher is of it."""
    if group == 2:
        first = row == 0 or table["name"][row] != table["name"][row - 1]
        return first or table["presence"][row] >= 2 * SURE_PRESENCE  # bystanders
    return table["presence"][row] >= SURE_PRESENCE


def false_finds(table, groups):
    """Rows of people's pictures where the detector saw something outside the face that is none."""
    for i, group in groups.items():
        if group != 2 or is_a_face(table, i, group) or table["box"][i, 0] < 0 or table["presence"][i] > -3:
            continue
        face = np.flatnonzero(table["name"] == table["name"][i])[0]
        low, high = table["landmarks"][face][:, :2].min(0), table["landmarks"][face][:, :2].max(0)
        box = table["box"][i]
        if (box[:2] > high).any() or (box[2:] < low).any():
            yield i


def unturned(landmarks):
    """Landmarks [n, 478, 3] in shares (0–1) of their regions."""
    shares = []
    for points in landmarks:
        x, y, side, angle = region_from_landmarks(points)
        cos, sin = np.cos(angle), np.sin(angle)
        free = (points[:, :2] - (x, y)) / side @ np.array([[cos, -sin], [sin, cos]])
        shares.append(np.column_stack([free + 0.5, points[:, 2] / side]))
    return np.stack(shares)


def load(shared, sources, device="cpu", shares=SHARES):
    """Training pictures, the faces known in them, and regions known to hold none."""
    table = dict(np.load(sources))  # an open npz would unpack a column at each use
    chunks, sizes, first = [], [], {}
    for name, group, frames in training_pictures(shared):
        first[name] = (len(sizes), group)
        chunks.append(frames.reshape(-1, 3))
        sizes += [frames.shape[1:3]] * len(frames)
    height, width = np.array(sizes).T
    offset = np.concatenate([[0], np.cumsum(height * width)[:-1]])
    to = lambda values, dtype=None: torch.as_tensor(np.ascontiguousarray(values), dtype=dtype, device=device)
    atlas = Atlas(to(np.concatenate(chunks)), to(offset), to(width), to(height))

    names = table["name"].astype(str)
    known = [i for i, n in enumerate(names) if n in first]
    groups = {i: first[names[i]][1] for i in known}
    rows = np.array([i for i in known if is_a_face(table, i, groups[i])])
    prints = [i for i in known if groups[i] == 0 and table["presence"][i] < 2]  # skulls on shirts, hands
    picture_of = lambda i: first[names[i]][0] + table["frame"][i]
    others = [(picture_of(i), region_from_landmarks(table["landmarks"][i])) for i in prints]
    for at, group in first.values():
        if group == 3:
            h, w = sizes[at]
            others += [(at, np.array([w / 2, h / 2, min(h, w), 0], np.float32))] * 4
    others += [(picture_of(i), region_from_detection(table["box"][i], table["eyes"][i])) for i in false_finds(table, groups)]
    landmarks = table["landmarks"][rows].astype(np.float64)
    unsure = [k for k, i in enumerate(rows) if table["presence"][i] < SURE_PRESENCE and table["box"][i, 0] >= 0]
    mean = np.median(unturned(landmarks[table["presence"][rows] > 12]), 0)
    for k in unsure:
        landmarks[k] = in_frame(mean, region_from_detection(table["box"][rows[k]], table["eyes"][rows[k]]))
    shape, rotation, scale, centre = unpose(landmarks)
    weight = face_weights(names[rows], np.array([groups[i] for i in rows]), shares)
    real = torch.float32
    faces = Faces(to([picture_of(i) for i in rows]), to(landmarks, real), to(shape, real), to(rotation, real),
                  to(scale, real), to(centre, real), to(weight, real))
    return atlas, faces, Others(to([p for p, _ in others]), to(np.array([r for _, r in others]), real))


def face_weights(names, groups, shares):
    """Each group its share; within it every clip and picture alike, but for the boosts of people."""
    weights = clip_weights(names, groups == 0) * shares[0]
    for group in (1, 2):
        own = np.where(groups == group, [boost(n) if group == 2 else 1.0 for n in names], 0.0)
        weights += shares[group] * own / max(own.sum(), 1e-9)
    return weights


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
