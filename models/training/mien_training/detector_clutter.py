"""Banks of face-free pictures, made on the device: dead leaves and face puzzles.

Dead leaves (overlapping shapes of all sizes) have the edge and size statistics of photographs,
of which the training data has few without people. Face puzzles are skin, hair, single eyes and
mouths in an order that makes no face. Both make the detector sure of what is not a face.
"""

import math

import torch
import torch.nn.functional as F

# shapes drawn over each other, with the range of their half sizes in pixels
LEAVES = ((26, 60, 400), (50, 20, 110), (60, 4, 36))
# the same, and whether ovals
OVALS = ((12, 60, 400, False), (6, 40, 110, True), (14, 14, 50, True), (20, 5, 18, True))


def uniform(rng, low, high, *shape):
    return torch.rand(shape, generator=rng, device=rng.device) * (high - low) + low


def palettes(rng, source, count, colours):
    """[count,colours,3]: pixels of one picture each (so that they go together), or any colours."""
    n, _, h, w = source.shape
    picture = torch.randint(n, (count, 1), generator=rng, device=rng.device)
    y = torch.randint(h, (count, colours), generator=rng, device=rng.device)
    x = torch.randint(w * 2 // 3, (count, colours), generator=rng, device=rng.device)
    natural = source[picture, :, y, x].float()
    free = uniform(rng, 0, 255, count, colours, 3)
    return torch.where(uniform(rng, 0, 1, count, 1, 1) < 0.3, free, natural)


def leaf(out, rng, palette, low, high, oval=False):
    """Draws one random shape on each picture; with `oval` a mostly upright one with a rim."""
    count, _, height, width = out.shape
    draw = lambda a, b: uniform(rng, a, b, count, 1, 1)  # noqa: E731
    y = torch.arange(height, device=out.device)[None, :, None] + 0.5
    x = torch.arange(width, device=out.device)[None, None, :] + 0.5
    radius = torch.exp(draw(math.log(low), math.log(high)))
    aspect = torch.exp(torch.randn((count, 1, 1), generator=rng, device=out.device) * 0.7)
    angle = draw(0, 2 * math.pi)
    if oval:
        aspect = aspect ** 0.3 * 0.86
        angle = torch.where(draw(0, 1) < 0.7, (angle - math.pi) * 0.1, angle)
    dx, dy = x - draw(0, 1) * width, y - draw(0, 1) * height
    across = (dx * torch.cos(angle) + dy * torch.sin(angle)) / (radius * aspect)
    down = (dy * torch.cos(angle) - dx * torch.sin(angle)) / (radius / aspect)
    power = torch.where(draw(0, 1) < 0.5, 2.0, torch.where(draw(0, 1) < 0.5, 1.0, 8.0))
    if oval:
        power = torch.where(draw(0, 1) < 0.8, 2.0, 2.5)
    r = ((across.abs() + 1e-6) ** power + (down.abs() + 1e-6) ** power) ** (1 / power)
    alpha = ((1 - r) * radius * torch.minimum(aspect, 1 / aspect) / draw(1, 3) + 0.5).clamp(0, 1)
    pick = torch.randint(palette.shape[1], (count, 2), generator=rng, device=out.device)
    first, second = palette.gather(1, pick[..., None].expand(-1, -1, 3)).unbind(1)
    blend = (across * 0.5 + 0.5).clamp(0, 1) * (draw(0, 1) < 0.6)
    colour = torch.lerp(first[..., None, None], second[..., None, None], blend[:, None])
    light = torch.where(draw(0, 1) < 0.3, torch.sqrt((1 - r * r).clamp(min=0.05)), 1.0) * draw(0.5, 1.2)
    stripes = torch.sin(across * draw(2, 40) + torch.sin(down * draw(0, 20)) * draw(0, 3))
    light = light * (1 + stripes * draw(0, 0.35) * (draw(0, 1) < 0.35))
    if oval:
        rim = ((r - draw(0.5, 0.95)) / 0.2).clamp(0, 1) * draw(-0.7, 0.5) * (draw(0, 1) < 0.6)
        light = (light + rim) * (1 + draw(-0.5, 0.5) * across.clamp(-1, 1) + draw(-0.5, 0.5) * down.clamp(-1, 1))
    return torch.lerp(out, (colour * light[:, None]).clamp(0, 255), alpha[:, None])


def rough(rng, count, height, width, strength):
    """Coloured noise with about the spectrum of natural texture."""
    total = torch.zeros((count, 3, height, width), device=rng.device)
    for cells in (8, 24, 64, 160, 400):
        size = (count, 3, cells * height // width, cells)
        grain = torch.randn(size, generator=rng, device=rng.device)
        grain = grain.mean(1, keepdim=True) * 1.2 + grain * 0.3
        total += F.interpolate(grain, (height, width), mode="bilinear") * uniform(rng, 0, 1, count, 1, 1, 1)
    return total * uniform(rng, 0, strength, count, 1, 1, 1)


@torch.no_grad()
def dead_leaves(rng, source, count, height, width):
    """[count,3,height,width] uint8; `source` is a mip canvas [n,3,h,w·3/2] to take colours from."""
    palette = palettes(rng, source, count, 12)
    out = palette[:, 0, :, None, None].expand(-1, -1, height, width).clone()
    for number, low, high in LEAVES:
        for _ in range(number):
            out = leaf(out, rng, palette, low, high)
    return (out + rough(rng, count, height, width, 25)).clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def ovals(rng, source, count, height, width):
    """[count,3,height,width] uint8: upright ovals of all colours and sizes on a few large shapes."""
    palette = palettes(rng, source, count, 12)
    out = palette[:, 0, :, None, None].expand(-1, -1, height, width).clone()
    for number, low, high, oval in OVALS:
        for _ in range(number):
            out = leaf(out, rng, palette, low, high, oval)
    return (out + rough(rng, count, height, width, 25)).clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def face_puzzles(rng, faces, rect, count, height, width):
    """[count,3,height,width] uint8: small squares cut from anywhere in face pictures."""
    out = []
    for tile, zoom in ((32, 1), (40, 1), (80, 2)):
        cut, number = tile // zoom, -(-count // 3)
        grid = (number, height // tile, width // tile)
        index = torch.randint(len(faces), grid, generator=rng, device=rng.device)
        left, top, right, bottom = rect[index].unbind(-1)
        x0 = (left + uniform(rng, 0, 1, *grid) * (right - left - cut)).long().clamp(0, 383 - cut)
        y0 = (top + uniform(rng, 0, 1, *grid) * (bottom - top - cut)).long().clamp(0, 383 - cut)
        spread = lambda t: t.repeat_interleave(tile, 1).repeat_interleave(tile, 2)  # noqa: E731
        y = torch.arange(height, device=rng.device)[None, :, None] % tile // zoom
        x = torch.arange(width, device=rng.device)[None, None, :] % tile // zoom
        colours = faces[spread(index), :, spread(y0) + y, spread(x0) + x]
        out.append(colours.permute(0, 3, 1, 2))
    return torch.cat(out)[:count].contiguous()
