"""What people wear: glasses, sunglasses, hats, masks, beards, drawn on scenes [n, 3, s, s] in 0–1.

`places` [n, 478, 2] are the landmarks in −1…1 of the scene. Each drawing returns the new scenes and
the mask [n, 1, s, s] of what can no longer be seen. The labels stay those of the uncovered face.
"""

import math

import torch
import torch.nn.functional as F

from .photometric import column, uniform
from .warp import constant, pixel_grid, sometimes


def part(values):
    return values.view(-1, 1, 1)


def face_axes(places):
    """Centre [n, 2], unit vectors across and down [n, 2], half width and half height [n] of the faces."""
    across = places[:, 263] - places[:, 33]
    across = across / across.norm(dim=1, keepdim=True).clamp(min=1e-4)
    down = torch.stack([-across[:, 1], across[:, 0]], 1)
    centre = places[:, constant((234, 454, 10, 152), places.device)].mean(1)
    width = ((places[:, 454] - places[:, 234]) * across).sum(1).abs() / 2
    height = ((places[:, 152] - places[:, 10]) * down).sum(1).abs() / 2
    return centre, across, down, width.clamp(min=0.02), height.clamp(min=0.02)


def face_coordinates(places, size):
    """Per pixel, the position in units of the face's half width and half height from its centre."""
    centre, across, down, width, height = face_axes(places)
    x, y = pixel_grid(size, places.device)
    dx, dy = x - part(centre[:, 0]), y - part(centre[:, 1])
    a = (dx * part(across[:, 0]) + dy * part(across[:, 1])) / part(width)
    b = (dx * part(down[:, 0]) + dy * part(down[:, 1])) / part(height)
    return a, b


def height_of(places, index):
    """Where landmark `index` lies from top to bottom, in half heights from the centre: [n, 1, 1]."""
    centre, _, down, _, height = face_axes(places)
    return part(((places[:, index] - centre) * down).sum(1) / height)


def soft(distance, size):
    """Anti-aliased inside of a signed distance in units of the scene's half side."""
    return (distance * size / 2 + 0.5).clamp(0, 1)


def lens_distance(x, y, places, corners, outward, style):
    """Signed distance (inside positive) of one lens and its own coordinates u (outward), v (down)."""
    _, across, down, _, height = face_axes(places)
    inner, outer = places[:, corners[0]], places[:, corners[1]]
    eye = (inner + outer) / 2
    half = (outer - inner).norm(dim=1).clamp(min=0.01) * style["wide"]
    tall = height * style["tall"]
    dx, dy = x - part(eye[:, 0]), y - part(eye[:, 1])
    u = (dx * part(across[:, 0]) + dy * part(across[:, 1])) * outward
    v = dx * part(down[:, 0]) + dy * part(down[:, 1]) - part(tall * style["low"])
    u = u - part(half * 0.08) - part(style["drop"]) * v  # aviators hang outwards
    v = v + part(style["cat"]) * u.clamp(min=0)  # cat eyes rise outwards
    power = part(style["power"])
    level = ((u / part(half)).abs() ** power + (v / part(tall)).abs() ** power + 1e-6) ** (1 / power)
    return (1 - level) * part(torch.minimum(half, tall)), u, v, tall


def segment(x, y, start, end, thick):
    """Signed distance to a straight bar between two points [n, 2]."""
    along = end - start
    dx, dy = x - part(start[:, 0]), y - part(start[:, 1])
    share = ((dx * part(along[:, 0]) + dy * part(along[:, 1])) / part((along**2).sum(1) + 1e-6)).clamp(0, 1)
    distance = ((dx - share * part(along[:, 0])) ** 2 + (dy - share * part(along[:, 1])) ** 2).sqrt()
    return part(thick) - distance


def eyewear_style(n, device):
    """Half sizes in eye widths and half face heights, shape, and whether the lenses are dark."""
    dark = sometimes(n, 0.6, device)
    aviator, cat = sometimes(n, 0.3, device), sometimes(n, 0.2, device)
    return {
        "dark": dark,
        "wide": uniform(n, 0.68, 1.0, device) + 0.12 * dark,
        "tall": uniform(n, 0.16, 0.30, device) + 0.07 * dark,
        "low": uniform(n, 0.0, 0.45, device),
        "drop": aviator * uniform(n, 0.1, 0.35, device),
        "cat": cat * uniform(n, 0.15, 0.5, device),
        "power": uniform(n, 2, 6, device),
        "rim": uniform(n, 0.004, 0.03, device) + 0.03 * sometimes(n, 0.25, device),
    }


def lens_light(u, v, tall, texture, style):
    """Colour and opacity of the lenses: a tint that runs from top to bottom, reflections, a streak."""
    n, device = len(u), u.device
    dark = column(style["dark"])
    mirror = column(sometimes(n, 0.2, device))
    colour = torch.rand(n, 3, 1, 1, device=device) ** torch.where(mirror > 0, 0.7, 3.0) * torch.where(mirror > 0, 0.8, 0.35)
    low = (v / part(tall * 2) + 0.5).clamp(0, 1)[:, None]
    top, bottom = column(uniform(n, 0.8, 1, device)), column(uniform(n, 0.35, 1, device))
    alpha = dark * torch.lerp(top, bottom, low) + (1 - dark) * column(uniform(n, 0, 0.3, device) ** 2 * 2)
    shine = column(uniform(n, 0, 1, device) ** 3 * 0.6)
    angle = uniform(n, -1.2, 1.2, device)
    place = (u * part(angle.cos()) + v * part(angle.sin())) / part(tall) - part(uniform(n, -1, 1, device))
    streak = torch.exp(-(((place / part(uniform(n, 0.05, 0.4, device))) ** 2)))[:, None]
    streak = streak * column(sometimes(n, 0.5, device) * uniform(n, 0, 0.7, device))
    colour = torch.lerp(colour.expand_as(texture), texture, shine) + streak
    return colour.clamp(0, 1), torch.maximum(alpha, streak * 0.9).clamp(0, 1)


def eyewear(scenes, places, texture):
    """Glasses and sunglasses of many shapes; `texture` [n, 3, s, s] is what the lenses mirror."""
    n, _, size, _ = scenes.shape
    device = scenes.device
    style = eyewear_style(n, device)
    x, y = pixel_grid(size, device)
    frame_colour = torch.rand(n, 3, 1, 1, device=device) ** 2.5 * 0.8
    rims, opaque = torch.zeros_like(scenes[:, :1]), torch.zeros_like(scenes[:, :1])
    _, across, _, width, height = face_axes(places)
    rim = style["rim"] * height * 2
    for corners, outward, temple in (((133, 33), -1, 127), ((362, 263), 1, 356)):
        distance, u, v, tall = lens_distance(x, y, places, corners, outward, style)
        colour, alpha = lens_light(u, v, tall, texture, style)
        inside = soft(distance, size)[:, None] * alpha
        scenes = torch.lerp(scenes, colour, inside)
        opaque = torch.maximum(opaque, inside)
        rims = torch.maximum(rims, soft(part(rim) / 2 - distance.abs(), size)[:, None])
        hinge = places[:, corners[1]] + across * (outward * 0.12 * width)[:, None]
        rims = torch.maximum(rims, soft(segment(x, y, hinge, places[:, temple], rim / 2), size)[:, None])
    bridge = segment(x, y, places[:, 133], places[:, 362], rim / 2)
    eyes = (1 - opaque) * soft(bridge, size)[:, None]
    rims = torch.maximum(rims, eyes) * column(uniform(n, 0.5, 1, device) * (1 - sometimes(n, 0.12, device)))
    return torch.lerp(scenes, frame_colour.expand_as(scenes), rims), torch.zeros_like(opaque)


def painted(n, texture, device):
    """Cloth: one colour or a texture, with broad shading."""
    shade = F.interpolate(torch.randn(n, 1, 6, 6, device=device), texture.shape[-2:], mode="bicubic") * 0.12 + 1
    plain = torch.rand(n, 3, 1, 1, device=device).expand_as(texture)
    return (torch.where(column(sometimes(n, 0.6, device)) > 0, plain, texture) * shade).clamp(0, 1)


def hat(scenes, places, texture):
    """A cap, hood or fringe that hides the forehead down to somewhere above the brows."""
    n, _, size, _ = scenes.shape
    device = scenes.device
    a, b = face_coordinates(places, size)
    edge = height_of(places, 105) - part(uniform(n, 0.02, 0.4, device)) + part(uniform(n, -0.15, 0.3, device)) * a**2
    wide = part(uniform(n, 1.05, 1.6, device))
    mask = (((edge - b) * 30).sigmoid() * ((wide - a.abs()) * 25).sigmoid())[:, None]
    shadow = torch.exp(-((b - edge).clamp(min=0) / 0.12))[:, None] * column(uniform(n, 0, 0.6, device))
    return torch.lerp(scenes * (1 - shadow), painted(n, texture, device), mask), mask


def face_mask(scenes, places, texture):
    """A mask or scarf over nose, mouth and chin, or over mouth and chin alone."""
    n, _, size, _ = scenes.shape
    device = scenes.device
    a, b = face_coordinates(places, size)
    nose = torch.where(part(sometimes(n, 0.8, device)) > 0, height_of(places, 195), height_of(places, 164))
    edge = nose + part(uniform(n, -0.1, 0.1, device)) + part(uniform(n, -0.1, 0.25, device)) * a**2
    reach = part(uniform(n, 1.0, 1.25, device))
    inside = ((reach - (a**2 + (b * 0.93) ** 2).sqrt()) * 25).sigmoid() * ((b - edge) * 30).sigmoid()
    folds = 1 - 0.12 * (b * part(uniform(n, 8, 20, device))).sin().clamp(min=0)
    cloth = painted(n, texture, device) * folds[:, None]
    bright = column(sometimes(n, 0.5, device))  # surgical masks are white, light blue or black
    cloth = torch.lerp(cloth, cloth * 0.25 + column(uniform(n, 0, 0.7, device)), bright)
    return torch.lerp(scenes, cloth.clamp(0, 1), inside[:, None]), inside[:, None]


def beard(scenes, places, texture):
    """Hair on cheeks, chin and upper lip, from stubble to a full beard, of any hair colour."""
    n, _, size, _ = scenes.shape
    device = scenes.device
    a, b = face_coordinates(places, size)
    lips, nose = height_of(places, 13), height_of(places, 2)
    edge = lips - part(uniform(n, 0.0, 0.45, device)) * a.abs() ** 1.5 + part(uniform(n, -0.1, 0.05, device))
    lower = ((b - torch.maximum(edge, nose)) * 12).sigmoid()
    reach = part(uniform(n, 1.0, 1.35, device))
    lower = lower * ((reach - (a**2 + b**2).sqrt()) * 12).sigmoid()
    mouth = ((1 - ((a / 0.42) ** 2 + ((b - lips) / 0.13) ** 2)) * 6).sigmoid()
    strands = F.interpolate(torch.randn(n, 1, size // 3, size // 3, device=device), (size, size), mode="bilinear")
    thick = column(uniform(n, 0.2, 1.1, device))
    mask = ((lower * (1 - mouth))[:, None] * thick + 0.25 * strands * lower[:, None]).clamp(0, 1)
    hair = torch.rand(n, 1, 1, 1, device=device) ** 2 * constant((1.0, 0.92, 0.85), device).view(1, 3, 1, 1)
    return torch.lerp(scenes, (hair * (1 + 0.25 * strands)).clamp(0, 1), mask), torch.zeros_like(mask)
