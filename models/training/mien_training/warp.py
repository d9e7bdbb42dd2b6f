"""New poses, expressions, identities and regions for known faces: the geometry of a batch.

A face's landmarks are moved in space (turned, mixed with other people's shapes, eyes closed or
turned), and its picture is pulled along by a smooth field that carries each old landmark to its
new place. The field need not be exact: the teacher labels the picture that comes out.
"""

import functools
import math

import torch
import torch.nn.functional as F

# Upper and lower lid landmarks that meet when an eye closes, right eye then left eye.
UPPER_LIDS = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
LOWER_LIDS = (7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382)
IRISES = slice(468, 478)
NODES = 32  # nodes per side of the displacement grid over the crop
NARROW, WIDE, WIDE_SHARE, ANCHOR = 0.045, 0.3, 0.01, 2e-3  # kernel widths in units of the face's side


@functools.cache
def constant(values, device):
    """A tensor of the (nested) tuple `values`, copied to the device once: a CUDA graph cannot copy from the host."""
    return torch.tensor(values, device=device)


def permutation(n, device):
    return torch.argsort(torch.rand(n, device=device))


def inverse(matrices):
    """Inverses of matrices [..., 2, 2], without the host's check that `torch.linalg.inv` waits for."""
    a, b, c, d = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 0], matrices[..., 1, 1]
    rows = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    return rows / (a * d - b * c)[..., None, None]


def rotation(yaw, pitch, roll):
    """Rotation matrices [n, 3, 3] from angles in radians, x right, y down, z away."""
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    cy, sy, cp, sp, cr, sr = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin(), roll.cos(), roll.sin()
    stack = lambda *rows: torch.stack([torch.stack(row, -1) for row in rows], -2)
    turn = stack((cy, zero, sy), (zero, one, zero), (-sy, zero, cy))
    nod = stack((one, zero, zero), (zero, cp, -sp), (zero, sp, cp))
    tilt = stack((cr, -sr, zero), (sr, cr, zero), (zero, zero, one))
    return tilt @ turn @ nod


def sometimes(n, probability, device):
    """[n] of 0 and 1."""
    return (torch.rand(n, device=device) < probability).float()


def new_landmarks(faces, chosen):
    """Moved landmarks [n, 478, 3] of the `chosen` faces, in pixels of their pictures."""
    n, device = len(chosen), chosen.device
    shape = faces.shape[chosen]
    draw = lambda: torch.randint(len(faces.picture), (n,), device=device)
    normal = lambda scale: torch.randn(n, device=device) * scale
    # Another person's difference, over the whole face or around a random landmark.
    around = shape[torch.arange(n, device=device), torch.randint(478, (n,), device=device)]
    radius = 0.35 + 1.2 * torch.rand(n, device=device)
    local = torch.exp(-((shape - around[:, None]) ** 2).sum(-1) / (2 * radius[:, None] ** 2))
    local = torch.where(sometimes(n, 0.5, device)[:, None] > 0, local, torch.ones_like(local))
    amount = sometimes(n, 0.7, device) * normal(0.6)
    shape = shape + (amount[:, None] * local)[..., None] * (faces.shape[draw()] - faces.shape[draw()])
    # Eyes: lids closing, irises turning.
    closing = (sometimes(n, 0.25, device) * (0.2 + torch.rand(n, device=device))).view(-1, 1, 1)
    upper, lower = constant(UPPER_LIDS, device), constant(LOWER_LIDS, device)
    moved = shape.clone()
    moved[:, upper] = shape[:, upper] + closing.clamp(max=1) * (shape[:, lower] - shape[:, upper])
    gaze = torch.randn(n, 1, 2, device=device) * sometimes(n, 0.4, device).view(-1, 1, 1)
    moved[:, IRISES, :2] += gaze * constant((0.05, 0.02), device)
    # Pose.
    turned = sometimes(n, 0.75, device)
    turn = rotation(turned * normal(0.35), turned * normal(0.22), turned * normal(0.12))
    posed = moved @ (turn @ faces.rotation[chosen]).transpose(1, 2)
    return faces.centre[chosen][:, None] + faces.scale[chosen].view(-1, 1, 1) * posed


def regions_around(landmarks):
    """Centre [n, 2], side [n] and rotation [n] by the rule of `regions.region_from_landmarks`."""
    low, high = landmarks[..., :2].amin(1), landmarks[..., :2].amax(1)
    eye = landmarks[:, 263, :2] - landmarks[:, 33, :2]
    return (low + high) / 2, (high - low).amax(1) * 1.5, torch.atan2(eye[:, 1], eye[:, 0])


def jitter_regions(centre, side, angle):
    """Regions as a tracker or a detector would miss them; one in eight misses by far more."""
    n, device = len(side), side.device
    far = sometimes(n, 0.12, device)
    spread = lambda near, beyond: (near + far * (beyond - near))
    shift = torch.randn(n, 2, device=device) * spread(0.05, 0.13)[:, None]
    zoom = torch.exp(torch.randn(n, device=device) * spread(0.11, 0.22))
    turn = torch.randn(n, device=device) * spread(0.14, 0.5)
    precise = sometimes(n, 0.25, device)  # as a tracker has it on a still face
    shift, turn = shift * (1 - 0.8 * precise)[:, None], turn * (1 - 0.8 * precise)
    zoom = zoom ** (1 - 0.8 * precise)
    return centre + shift * side[:, None], side * zoom, angle + turn


def crop_frames(side, angle, mirrored):
    """Matrices [n, 2, 2] from crop coordinates in −1…1 to offsets in picture pixels."""
    cos, sin = angle.cos() * side / 2, angle.sin() * side / 2
    sign = 1 - 2 * mirrored
    return torch.stack([torch.stack([cos * sign, -sin], -1), torch.stack([sin * sign, cos], -1)], -2)


def displacement(old, new, linear, centre, side, count=NODES):
    """Where each node of the crop's grid comes from, minus where it is: [n, 2, count, count]."""
    n, device = len(old), old.device
    line = torch.linspace(-1, 1, count, device=device)
    nodes = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(-1, 2)
    places = centre[:, None] + nodes @ linear.transpose(1, 2)
    face = (side / 1.5).view(-1, 1, 1)
    along = (places[:, :, None, 0] - new[:, None, :, 0]) / face
    across = (places[:, :, None, 1] - new[:, None, :, 1]) / face
    squared = along * along + across * across
    weight = torch.exp(squared * (-0.5 / NARROW**2)) + WIDE_SHARE * torch.exp(squared * (-0.5 / WIDE**2))
    total = weight.sum(-1, keepdim=True) + ANCHOR
    field = (weight @ (old - new)[..., :2]) / total
    waves = F.interpolate(torch.randn(n, 2, 5, 5, device=device), (count, count), mode="bicubic", align_corners=True)
    waves = waves * (0.012 * torch.rand(n, device=device) * side).view(-1, 1, 1, 1)
    return field.transpose(1, 2).reshape(n, 2, count, count) + waves


def pixel_grid(size, device):
    """Crop coordinates [size, size] of the pixel centres: x and y in −1…1."""
    line = (torch.arange(size, device=device) - (size - 1) / 2) * (2 / size)
    return torch.meshgrid(line, line, indexing="xy")


def source_positions(linear, centre, field, size):
    """Picture positions x and y [n, size, size] of the crop's pixels."""
    u, v = pixel_grid(size, linear.device)
    fine = F.interpolate(field, (size, size), mode="bilinear", align_corners=True)
    place = lambda row: (centre[:, row].view(-1, 1, 1) + linear[:, row, 0].view(-1, 1, 1) * u
                         + linear[:, row, 1].view(-1, 1, 1) * v + fine[:, row])
    return place(0), place(1)


def without_face(atlas, pictures):
    """Regions anywhere in `pictures` [n], small to large: mostly background, hands, clothes."""
    n, device = len(pictures), pictures.device
    size = torch.stack([atlas.width[pictures], atlas.height[pictures]], -1).float()
    centre = size * torch.rand(n, 2, device=device)
    side = size.amin(1) * torch.exp(math.log(0.06) + torch.rand(n, device=device) * math.log(1.0 / 0.06))
    return centre, side, (torch.rand(n, device=device) - 0.5) * 2
