"""The same scene through several regions: how the teacher and the student each get their crops.

A scene is a picture of `BASE` pixels around a face, `COVER` times as wide as the face's region.
Positions in it are in −1…1. A view is a square of the scene: its centre `middle` [n, v, 2] and
matrix `linear` [n, v, 2, 2] from the view's own −1…1 to the scene's. As in the pipeline, a network's landmark
at pixel p of a crop of s pixels lies at 2p/s − 1.
"""

import math

import torch
import torch.nn.functional as F

from .warp import constant, inverse, pixel_grid

BASE, COVER = 400, 1.8
TEACHER_SHIFT, TEACHER_ZOOM, TEACHER_TURN = 0.06, 0.10, math.radians(10)  # uniform, ±


def matrices(zoom, turn):
    """[..., 2, 2] for views of `zoom` times the face's region, turned by `turn`."""
    scale = zoom / COVER
    cos, sin = turn.cos() * scale, turn.sin() * scale
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)


def teacher_views(n, pairs, device):
    """`pairs` random regions and for each its opposite, so that first-order errors cancel: views, zoom."""
    spread = lambda *shape: 2 * torch.rand(n, pairs, *shape, device=device) - 1
    shift, zoom, turn = spread(2) * TEACHER_SHIFT, spread() * TEACHER_ZOOM, spread() * TEACHER_TURN
    both = lambda x: torch.cat([x, -x], 1)
    zoom = both(zoom).exp()
    return both(shift) * 2 / COVER, matrices(zoom, both(turn)), zoom


def student_views(n, count, wide, device, severity=1.0):
    """Regions as a tracker has them, as a detector gives them (45 %), or far off (20 %, both times `severity`);
    `wide` [n] scales the errors."""
    draw = torch.rand(n, count, device=device)
    kind = (draw > 1 - 0.65 * severity).long() + (draw > 1 - 0.2 * severity).long()
    pick = lambda *values: constant(values, device)[kind] * wide[:, None]
    shift = torch.randn(n, count, 2, device=device) * pick(0.012, 0.05, 0.10)[..., None]
    shift = shift.clamp(-0.25, 0.25)
    zoom = (torch.randn(n, count, device=device) * pick(0.03, 0.10, 0.18)).clamp(-0.4, 0.4).exp()
    turn = torch.randn(n, count, device=device) * pick(0.03, 0.14, 0.38)
    return shift * 2 / COVER, matrices(zoom, turn), zoom


def look(scenes, middle, linear, size):
    """Crops [n · v, 3, size, size] of the scenes [n, 3, BASE, BASE]."""
    n, count = middle.shape[:2]
    x, y = pixel_grid(size, scenes.device)
    part = lambda values: values[..., None, None]
    grid = torch.stack([part(linear[..., i, 0]) * x + part(linear[..., i, 1]) * y + part(middle[..., i]) for i in (0, 1)], -1)
    # The views of one scene side by side in one grid: each scene is read where it lies.
    grid = grid.view(n, count * size, size, 2)
    crops = F.grid_sample(scenes, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return crops.view(n, 3, count, size, size).transpose(1, 2).reshape(n * count, 3, size, size)


def to_scene(landmarks, middle, linear, zoom, size):
    """Crop landmarks [n · v, 478, 3] in pixels to [n, v, 478, 3]: x, y in −1…1 of the scene, z in face regions."""
    n, count = middle.shape[:2]
    landmarks = landmarks.view(n, count, 478, 3)
    x, y = (landmarks[..., :2] * (2 / size) - 1)[..., None].unbind(-2)  # [n, v, 478, 1]; products in full precision
    flat = x * linear[:, :, None, :, 0] + y * linear[:, :, None, :, 1] + middle[:, :, None]
    return torch.cat([flat, landmarks[..., 2:] * (zoom / size)[..., None, None]], -1)


def to_view(points, middle, linear, zoom):
    """Scene landmarks [n, 478, 3] to [n, v, 478, 3] in −1…1 of each view, z in sides of the view."""
    flat = (points[:, None, :, :2] - middle[:, :, None]) @ inverse(linear).transpose(-1, -2)
    return torch.cat([flat, points[:, None, :, 2:] / zoom[..., None, None]], -1)
