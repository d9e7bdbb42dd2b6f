"""Light on faces: from the side with hard shadows, from behind, coloured, low, grey; other skin tones.

Works on crops [n, 3, s, s] in 0–1; `places` [n, 478, 2] are the landmarks in −1…1 of each crop.
The face is lit as an ellipsoid: rough, but its shadows fall where those of faces do.
"""

import torch

from .covers import face_coordinates, part
from .photometric import column, uniform
from .warp import constant, sometimes


def colours(n, spread, device):
    """Light colours [n, 3, 1, 1] of mean 1."""
    colour = torch.exp(torch.randn(n, 3, 1, 1, device=device) * column(spread))
    return colour / colour.mean(1, keepdim=True)


def lit(crops, a, b):
    """One lamp anywhere around the face and weaker light from all sides, each of its colour."""
    n, device = len(crops), crops.device
    flat = torch.randn(n, 2, device=device)
    flat = flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-3)
    front = uniform(n, -0.5, 0.6, device)
    reach = (a**2 + b**2 + 1e-6).sqrt()
    inside = reach.clamp(max=0.98)
    facing = (a * part(flat[:, 0]) + b * part(flat[:, 1])) / reach * inside + part(front) * (1 - inside**2).sqrt()
    hard = part(torch.exp(uniform(n, 0.5, 3.2, device)))
    lamp = (facing * hard).sigmoid()[:, None]
    ambient = column(uniform(n, 0.03, 0.6, device))
    coloured = sometimes(n, 0.3, device)
    gain = colours(n, coloured * 0.6, device) * lamp + ambient * colours(n, coloured * 0.6, device)
    return crops * gain * column(uniform(n, 0.8, 1.3, device))


def backlit(crops, a, b):
    """A bright background behind a dark, hazy face."""
    n, device = len(crops), crops.device
    outside = ((a**2 + b**2).sqrt() * 1.0 - 1.15) * part(uniform(n, 4, 14, device))
    outside = outside.sigmoid()[:, None]
    face = crops * column(uniform(n, 0.2, 0.7, device)) + column(uniform(n, 0, 0.12, device))
    behind = crops * column(uniform(n, 1.0, 2.5, device)) + column(uniform(n, 0, 0.7, device))
    return torch.lerp(face, behind, outside)


def skin(crops, a, b):
    """The face lighter or darker, warmer or cooler."""
    n, device = len(crops), crops.device
    face = ((1.05 - (a**2 + (b * 0.95) ** 2).sqrt()) * 8).sigmoid()[:, None]
    darker = sometimes(n, 0.65, device)
    power = column(torch.where(darker > 0, uniform(n, 1.1, 2.6, device), uniform(n, 0.55, 0.95, device)))
    tint = constant((0.0, 0.06, 0.12), device).view(1, 3, 1, 1) * column(darker * uniform(n, 0, 1, device))
    toned = (crops + 1e-3) ** (power + tint * 2)
    return torch.lerp(crops, toned, face)


def grey(crops, a, b):
    """Grey as a camera makes it, or as infrared, which sees other greys."""
    n, device = len(crops), crops.device
    mix = torch.softmax(torch.randn(n, 3, 1, 1, device=device) * 1.5, 1)
    even = column(sometimes(n, 0.5, device))
    return (crops * torch.lerp(mix, torch.full_like(mix, 1 / 3), even)).sum(1, keepdim=True).expand_as(crops)


def dark(crops, a, b):
    return crops * column(torch.exp(-uniform(len(crops), 0.3, 2.2, crops.device)))


# What happens to which share of the crops, from where to where; a third and more stays as it is.
PARTS = ((skin, 0.0, 0.14), (lit, 0.08, 0.34), (backlit, 0.34, 0.41), (dark, 0.27, 0.38), (grey, 0.36, 0.48))


def light(crops, places, severity=1.0):
    """Each change in its part of the crops, which come in random order; some get two. `severity` scales the parts."""
    for change, low, high in PARTS:
        first = int(low * len(crops))
        at = slice(first, first + max(int((high - low) * severity * len(crops)), 1))
        a, b = face_coordinates(places[at], crops.shape[-1])
        crops[at] = change(crops[at], a, b).clamp(0, 1)
    return crops
