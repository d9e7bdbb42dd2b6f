"""The pixel work of the composer as pure functions, which `torch.compile` fuses to one kernel each.

Pictures are [B,3,H,W] float BGR 0–255. A view of a texture is an inverse matrix [B,2,2] and an
origin [B,2]: texture coordinates = inverse · picture coordinates + origin, both in pixels with
pixel centres at halves.
"""

import functools
import math

import torch
import torch.nn.functional as F

JPEG_FROM_BGR = ((0.114, 0.587, 0.299), (0.5, -0.3313, -0.1687), (-0.0813, -0.4187, 0.5))


@functools.cache
def constant(values, device):
    """A tensor of numbers (nested tuples), copied to the device once: each copy would wait for it."""
    return torch.tensor(values, device=device)


@functools.cache
def jpeg_matrices(device):
    """BGR to YCC, its inverse, and the 8×8 cosine transform."""
    to_ycc = torch.tensor(JPEG_FROM_BGR)
    k = torch.arange(8)
    dct = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) / 2
    dct[0] /= math.sqrt(2)
    return to_ycc.to(device), torch.linalg.inv(to_ycc).to(device), dct.to(device)


def per_pixel(values):
    """[B] or [B,n] to something that broadcasts over [B,H,W] or a list of n of those."""
    if values.dim() == 1:
        return values[:, None, None]
    return [v[:, None, None] for v in values.unbind(-1)]


def pixel_centres(height, width, device):
    y = torch.arange(height, device=device, dtype=torch.float32) + 0.5
    x = torch.arange(width, device=device, dtype=torch.float32) + 0.5
    return x[None, None, :], y[None, :, None]


def texture_coordinates(inverse, origin, height, width):
    x, y = pixel_centres(height, width, inverse.device)
    (xx, xy, yx, yy), (ox, oy) = per_pixel(inverse.flatten(1)), per_pixel(origin)
    return xx * x + xy * y + ox, yx * x + yy * y + oy


def sample(canvas, index, u, v, level):
    """Bilinear colours [B,3,H,W] from mip canvases [n,3,h,w·3/2] uint8 at coordinates [B,H,W]."""
    tex_h, tex_w = canvas.shape[2], canvas.shape[3] * 2 // 3
    level = per_pixel(level)
    scale = torch.exp2(-level.float())
    level_w, level_h = (tex_w * scale).floor(), (tex_h * scale).floor()
    row = torch.where(level > 0, tex_h * (1 - 2 * scale), 0.0).round().long()
    column = torch.where(level > 0, tex_w, 0)
    u = torch.minimum((u * scale - 0.5).clamp(min=0), level_w - 1.001)
    v = torch.minimum((v * scale - 0.5).clamp(min=0), level_h - 1.001)
    u0, v0 = u.floor(), v.floor()
    fu, fv = (u - u0)[:, None], (v - v0)[:, None]
    x, y = (u0.long() + column)[:, None], (v0.long() + row)[:, None]
    i = index[:, None, None, None]
    c = torch.arange(3, device=canvas.device)[None, :, None, None]
    top = canvas[i, c, y, x].float() * (1 - fu) + canvas[i, c, y, x + 1].float() * fu
    low = canvas[i, c, y + 1, x].float() * (1 - fu) + canvas[i, c, y + 1, x + 1].float() * fu
    return top * (1 - fv) + low * fv


def inside_rect(u, v, rect):
    left, top, right, bottom = per_pixel(rect)
    return (u >= left) & (v >= top) & (u < right) & (v < bottom)


def paste_rect(out, canvas, index, inverse, origin, level, rect, present):
    """Shows the texture's rectangle; returns the picture and where it shows [B,H,W]."""
    u, v = texture_coordinates(inverse, origin, *out.shape[2:])
    shown = inside_rect(u, v, rect) & per_pixel(present)
    return torch.where(shown[:, None], sample(canvas, index, u, v, level), out), shown


def paste_face(out, owner, slot, canvas, index, inverse, origin, level, rect, box, reach, power,
               soft, present, gain, bend=None, waves=None, phase=None, tint=None, light=None,
               gamma=None):  # fmt: skip
    """Pastes faces with a soft super-elliptic outline; updates `owner`, the face of each pixel.

    Pixels of the face's oval become `slot`'s, the rest of the paste nobody's (-1). With `bend`
    [B,2] (share of the face's size) rows and columns are shifted along sines of `waves` periods a
    face; `tint` [B,3], `light` [B,2] (gain from side to side, from top to bottom) and `gamma` [B]
    change the colours.
    """
    u, v = texture_coordinates(inverse, origin, *out.shape[2:])
    left, top, right, bottom = per_pixel(box)
    across = (2 * u - left - right) / (right - left)
    down = (2 * v - top - bottom) / (bottom - top)
    reach_x, reach_y = per_pixel(reach)
    power = per_pixel(power)
    a, b = (across / reach_x).abs() + 1e-6, (down / reach_y).abs() + 1e-6
    r = (a**power + b**power) ** (1 / power)
    alpha = ((1 - r) / per_pixel(soft) + 0.5).clamp(0, 1)
    alpha = alpha * (inside_rect(u, v, rect) & per_pixel(present))
    if bend is not None:
        (bend_x, bend_y), (wave_x, wave_y), (phase_x, phase_y) = map(per_pixel, (bend, waves, phase))
        u = u + bend_x * (right - left) * torch.sin(math.pi * wave_x * down + phase_x)
        v = v + bend_y * (bottom - top) * torch.sin(math.pi * wave_y * across + phase_y)
    colour = sample(canvas, index, u, v, level) * gain[:, None, None, None]
    if bend is not None:
        light_x, light_y = per_pixel(light)
        shade = (1 + light_x * across.clamp(-1.5, 1.5) + light_y * down.clamp(-1.5, 1.5)).clamp(min=0.15)
        colour = 255 * (colour / 255).clamp(1e-4, 1) ** gamma[:, None, None, None]
        colour = colour * tint[:, :, None, None] * shade[:, None]
    colour = colour.clamp(0, 255)
    oval = across.square() + down.square() < 1
    mine = torch.where(oval, slot, -1).to(owner.dtype)
    return torch.lerp(out, colour, alpha[:, None]), torch.where(alpha > 0.5, mine, owner)


def paste_shape(out, owner, canvas, index, inverse, origin, level, place, half, turn, power, present):
    """Pastes a turned ellipse or rectangle of texture at `place`; its pixels are nobody's."""
    height, width = out.shape[2:]
    u, v = texture_coordinates(inverse, origin, height, width)
    x, y = pixel_centres(height, width, out.device)
    px, py = per_pixel(place)
    cos, sin = per_pixel(torch.cos(turn)), per_pixel(torch.sin(turn))
    half_x, half_y = per_pixel(half)
    power = per_pixel(power)
    a = ((cos * (x - px) + sin * (y - py)) / half_x).abs() + 1e-6
    b = ((cos * (y - py) - sin * (x - px)) / half_y).abs() + 1e-6
    alpha = ((1.15 - a**power - b**power) / 0.3).clamp(0, 1) * per_pixel(present)
    out = torch.lerp(out, sample(canvas, index, u, v, level), alpha[:, None])
    return out, torch.where(alpha > 0.5, -1, owner).to(owner.dtype)


def own_ovals(owner, box, valid, shown):
    """Gives the ovals of the clip frames' faces to slots 0…k-1."""
    x, y = pixel_centres(*owner.shape[1:], owner.device)
    for k in range(box.shape[1]):
        left, top, right, bottom = per_pixel(box[:, k])
        across = (2 * x - left - right) / (right - left).clamp(min=1e-3)
        down = (2 * y - top - bottom) / (bottom - top).clamp(min=1e-3)
        mine = (across.square() + down.square() < 1) & shown & per_pixel(valid[:, k])
        owner = torch.where(mine, k, owner).to(owner.dtype)
    return owner


def procedural(colour, angle, offset, blotches, blotch_gain, period, phase, hard, stripe_gain,
               centres, radii, square, shown, height, width):  # fmt: skip
    """Gradient, blotches, stripes and two shapes; see `Composer.procedural` for the draws."""
    x, y = pixel_centres(height, width, colour.device)
    largest = max(height, width)
    along = (x * per_pixel(torch.cos(angle)) + y * per_pixel(torch.sin(angle))) / largest
    ramp = (along + per_pixel(offset)).frac().abs()[:, None]
    out = colour[:, 0, :, None, None] * (1 - ramp) + colour[:, 1, :, None, None] * ramp
    for blotch, gain in zip(blotches, blotch_gain.unbind(1)):
        blotch = F.interpolate(blotch, (height, width), mode="bilinear", align_corners=False)
        out = out + blotch * gain[:, None, None, None]
    wave = torch.sin(along * largest * 6.283 / per_pixel(period) + per_pixel(phase))
    wave = torch.where(per_pixel(hard), wave.sign(), wave)
    out = out + (wave * per_pixel(stripe_gain))[:, None]
    for i in range(2):
        cx, cy = per_pixel(centres[:, i])
        rx, ry = per_pixel(radii[:, i])
        a, b = ((x - cx) / rx).abs(), ((y - cy) / ry).abs()
        distance = torch.where(per_pixel(square[:, i]), torch.maximum(a, b), torch.sqrt(a * a + b * b))
        inside = (distance < 1) & per_pixel(shown[:, i])
        out = torch.where(inside[:, None], colour[:, 2 + i, :, None, None], out)
    return out.clamp(0, 255)


def letterbox(out, keep_w, keep_h, fill):
    x, y = pixel_centres(*out.shape[2:], out.device)
    inside = (x < per_pixel(keep_w)) & (y < per_pixel(keep_h))
    return torch.where(inside[:, None], out, fill)


def blur_axis(out, sigma, axis, reach=5):
    """Gaussian blur along one axis with a sigma [B] a picture."""
    offsets = torch.arange(-reach, reach + 1, device=out.device)
    kernel = torch.exp(-0.5 * (offsets / sigma[:, None].clamp(min=0.05)) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    size = out.shape[axis]
    centre = torch.arange(size, device=out.device)
    total = torch.zeros_like(out)
    for i in range(2 * reach + 1):
        where = (centre + (i - reach)).clamp(0, size - 1)
        total = total + out.index_select(axis, where) * kernel[:, i, None, None, None]
    return total


def expose(out, gamma, gain, tint, contrast, saturation, noise_level, noise):
    """Gamma, exposure, white balance, contrast, saturation and sensor noise; all [B,…,1,1]."""
    x = (out / 255).clamp(1e-4, 1) ** gamma
    x = (x * gain * tint - 0.5) * contrast + 0.5
    grey = x.mean(1, keepdim=True)
    x = (grey + (x - grey) * saturation).clamp(0, 1)
    return (x + noise * noise_level).clamp(0, 1) * 255


def lens(out, bend):
    """The picture through a lens: distance r from the middle (1 in the corners) shows r·(1 + bend·r²),
    scaled so that nothing beyond the picture shows."""
    height, width = out.shape[2:]
    x, y = pixel_centres(height, width, out.device)
    x, y = (2 * x - width) / width, (2 * y - height) / height
    square = (x * width).square() + (y * height).square()
    factor = (1 + per_pixel(bend) * square / (width**2 + height**2)) / (1 + per_pixel(bend).clamp(min=0))
    grid = torch.stack((x * factor, y * factor), -1)
    return F.grid_sample(out, grid, mode="bilinear", padding_mode="border", align_corners=False)


def lens_points(points, bend, size):
    """Where points [B,…,2] of the picture before `lens` lie after it."""
    shape = (-1, *[1] * (points.dim() - 1))
    bend = bend.reshape(shape)
    middle = size / 2
    seen = (points - middle) * (1 + bend.clamp(min=0))
    out = seen
    for _ in range(10):
        stretch = 1 + bend * out.square().sum(-1, keepdim=True) / middle.square().sum()
        out = (out + seen / stretch.clamp(min=0.4)) / 2
    return out + middle


def lens_boxes(box, bend, size):
    """Boxes [B,k,4] by where the middles of their sides come to lie."""
    x1, y1, x2, y2 = box.unbind(-1)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    sides = torch.stack((x1, y, x, y1, x2, y, x, y2), -1).unflatten(-1, (4, 2))
    sides = lens_points(sides, bend, size)
    return torch.stack((sides[..., 0, 0], sides[..., 1, 1], sides[..., 2, 0], sides[..., 3, 1]), -1)


def harsh_light(out, slope, tint, dim, infrared, noise):
    """Light that falls off across the picture (`slope` [B,2]), coloured (`tint` [B,3]), weak (`dim` [B]);
    logarithms all. `infrared`: what the red channel shows, in grey."""
    height, width = out.shape[2:]
    x, y = pixel_centres(height, width, out.device)
    across, down = per_pixel(slope)
    light = across * (2 * x / width - 1) + down * (2 * y / height - 1) + per_pixel(dim)
    colour = torch.where(per_pixel(infrared)[:, None], out[:, 2:], out)
    colour = colour * torch.exp(light[:, None] + tint[:, :, None, None] * ~infrared[:, None, None, None])
    sensor = 6 * per_pixel(-dim)[:, None] * noise
    return (colour + sensor).clamp(0, 255)


def jpeg(bgr, quality, chosen):
    """JPEG's 8×8 transform and quantisation where `chosen` [B,1,1,1]; no chroma subsampling."""
    batch, _, height, width = bgr.shape
    to_ycc, from_ycc, dct = jpeg_matrices(bgr.device)
    k = torch.arange(8, device=bgr.device)
    ycc = torch.einsum("ij,bjhw->bihw", to_ycc, bgr - 128.0)
    blocks = ycc.reshape(batch, 3, height // 8, 8, width // 8, 8).transpose(3, 4)
    freq = dct @ blocks @ dct.T
    # quantisation grows with frequency about as the standard's luma table does
    table = 12 + 6.0 * (k[:, None] + k[None])
    strength = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    step = (table * strength[..., None, None]).clamp(min=1)
    blocks = dct.T @ ((freq / step).round() * step) @ dct
    ycc = blocks.transpose(3, 4).reshape(batch, 3, height, width)
    out = (torch.einsum("ij,bjhw->bihw", from_ycc, ycc) + 128.0).clamp(0, 255)
    return torch.where(chosen, out, bgr).round()
