"""What happens to the light: occluders, glasses, blur, compression, colour, noise.

Everything works on a batch of pictures [n, 3, h, w] in 0–1 on the GPU. Pictures of a batch are
drawn independently, so effects that need one fixed size work on fixed slices of the batch.
"""

import math

import torch
import torch.nn.functional as F

from .warp import constant, pixel_grid, sometimes

LOW_SIZES = (24, 32, 40, 56, 64, 80, 96, 128, 160)  # picture sizes of small faces, multiples of 8
# JPEG's example quantisation table for luminance (ITU-T T.81, Annex K.1).
QUANTISATION = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip


def column(values):
    return values.view(-1, 1, 1, 1)


def uniform(n, low, high, device):
    return low + (high - low) * torch.rand(n, device=device)


def capsules(n, size, device, count=6, reach=1.0):
    """A hand-like union of capsules: mask and shading [n, 1, size, size].

    A palm somewhere on the crop, `count` − 1 fingers that leave it in roughly one direction; in the
    middle `reach` of the picture, where that is a scene wider than the face's region.
    """
    x, y = (line / reach for line in pixel_grid(size, device))
    palm_x, palm_y = uniform(n, -0.9, 0.9, device), uniform(n, -0.6, 1.1, device)
    heading = uniform(n, 0, 2 * math.pi, device)
    width = uniform(n, 0.045, 0.13, device)
    nearest = torch.full((n, size, size), 9.0, device=device)
    for finger in range(count):
        if finger == 0:
            ax, ay = palm_x, palm_y
            bx, by = palm_x + width * heading.cos() * 3, palm_y + width * heading.sin() * 3
            radius = width * uniform(n, 2.0, 3.2, device)
        else:
            offset = (finger - (count - 1) / 2) * width * 1.5
            ax, ay = palm_x - offset * heading.sin(), palm_y + offset * heading.cos()
            bend = heading + torch.randn(n, device=device) * 0.25
            length = width * uniform(n, 3, 11, device)
            bx, by = ax + bend.cos() * length, ay + bend.sin() * length
            radius = width * uniform(n, 0.7, 1.05, device)
        part = lambda t: t.view(-1, 1, 1)
        dx, dy = part(bx - ax), part(by - ay)
        along = (((x - part(ax)) * dx + (y - part(ay)) * dy) / (dx * dx + dy * dy + 1e-6)).clamp(0, 1)
        distance = ((x - part(ax) - along * dx) ** 2 + (y - part(ay) - along * dy) ** 2).sqrt()
        nearest = torch.minimum(nearest, distance / part(radius))
    nearest = nearest[:, None]
    mask = ((1 - nearest) * column(width) * reach * size / 2 + 0.5).clamp(0, 1)
    return mask, 1.05 - 0.45 * nearest.clamp(0, 1) ** 3


def blobs(n, size, device):
    """Soft-edged irregular patches or half planes: mask [n, 1, size, size]."""
    waves = F.interpolate(torch.randn(n, 1, 5, 5, device=device), (size, size), mode="bicubic")
    x, y = pixel_grid(size, device)
    heading = uniform(n, 0, 2 * math.pi, device)
    edge = uniform(n, 0.15, 0.9, device).view(-1, 1, 1)
    slope = x * heading.cos().view(-1, 1, 1) + y * heading.sin().view(-1, 1, 1) - edge
    patch = torch.where(column(sometimes(n, 0.5, device)) > 0, waves - 1.1, slope[:, None] * 3 + 0.35 * waves)
    return (patch * column(uniform(n, 4, 40, device))).clamp(0, 1)


def glasses(pictures, landmarks):
    """Frames drawn around the eyes; `landmarks` [n, 478, 2] in crop coordinates −1…1."""
    n, _, size, _ = pictures.shape
    device = pictures.device
    x, y = pixel_grid(size, device)
    part = lambda t: t.view(-1, 1, 1)
    right, left = (landmarks[:, 33] + landmarks[:, 133]) / 2, (landmarks[:, 263] + landmarks[:, 362]) / 2
    span = (left - right).norm(dim=1) + 1e-3
    half, tall = span * uniform(n, 0.34, 0.47, device), span * uniform(n, 0.24, 0.42, device)
    power = part(uniform(n, 2, 5, device))
    rim = part(uniform(n, 0.015, 0.06, device) * span)
    axis = (left - right) / span[:, None]
    frame, lens = torch.zeros_like(pictures[:, :1]).float(), torch.zeros_like(pictures[:, :1]).float()
    for eye in (right, left):
        u = (x - part(eye[:, 0])) * part(axis[:, 0]) + (y - part(eye[:, 1])) * part(axis[:, 1])
        v = (y - part(eye[:, 1])) * part(axis[:, 0]) - (x - part(eye[:, 0])) * part(axis[:, 1])
        level = ((u / part(half)).abs() ** power + ((v - part(tall) * 0.15) / part(tall)).abs() ** power + 1e-6) ** (1 / power)
        distance = (level - 1) * part(tall)
        frame = torch.maximum(frame, ((rim / 2 - distance.abs()) * size / 2 + 0.5).clamp(0, 1)[:, None])
        lens = torch.maximum(lens, (-distance * size / 2).clamp(0, 1)[:, None])
    bridge_u = (x - part((right + left)[:, 0] / 2)) * part(axis[:, 0]) + (y - part((right + left)[:, 1] / 2)) * part(axis[:, 1])
    bridge_v = (y - part((right + left)[:, 1] / 2)) * part(axis[:, 0]) - (x - part((right + left)[:, 0] / 2)) * part(axis[:, 1])
    gap = part(span / 2 - half)
    bridge = (bridge_u.abs() < gap) & ((bridge_v + part(tall) * 0.1).abs() < rim / 2)
    frame = torch.maximum(frame, bridge[:, None].float())
    dark = sometimes(n, 0.15, device)
    tint = column(uniform(n, 0, 0.25, device) * (1 - dark) + dark * uniform(n, 0.6, 1, device))
    colour = torch.rand(n, 3, 1, 1, device=device) ** 2 * 0.6
    pictures = pictures * (1 - lens * tint) + lens * tint * colour
    alpha = frame * column(uniform(n, 0.6, 1, device))
    return pictures * (1 - alpha) + alpha * colour


def jpeg_like(pictures, quality):
    """Rounds the 8×8 cosine coefficients as JPEG does; `quality` [n] scales the steps (1 = 50 %)."""
    n, channels, height, width = pictures.shape
    k = torch.arange(8, device=pictures.device, dtype=torch.float32)
    basis = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) * math.sqrt(2 / 8)
    basis[0] *= math.sqrt(0.5)
    blocks = pictures.float().reshape(n, channels, height // 8, 8, width // 8, 8).permute(0, 1, 2, 4, 3, 5)
    table = constant(QUANTISATION, pictures.device).float().view(8, 8) / 255
    step = table * quality.view(-1, 1, 1, 1, 1, 1)
    coefficients = torch.round((basis @ blocks @ basis.T) / step) * step
    blocks = basis.T @ coefficients @ basis
    return blocks.permute(0, 1, 2, 4, 3, 5).reshape(n, channels, height, width)


def motion_blur(pictures, taps=9):
    """Every picture blurred along its own line of up to `taps` pixels."""
    n, channels, height, width = pictures.shape
    device = pictures.device
    heading, reach = uniform(n, 0, math.pi, device), uniform(n, 0, taps / 2 - 0.5, device)
    line = torch.arange(taps, device=device) - taps // 2
    x, y = line[None, None, :].float(), line[None, :, None].float()
    part = lambda t: t.view(-1, 1, 1)
    along = x * part(heading.cos()) + y * part(heading.sin())
    across = x * part(heading.sin()) - y * part(heading.cos())
    kernel = torch.exp(-(across**2)) * torch.sigmoid((part(reach) + 0.5 - along.abs()) * 3)
    kernel = (kernel / kernel.sum((1, 2), keepdim=True)).to(pictures.dtype)
    kernel = kernel[:, None].expand(-1, channels, -1, -1).reshape(n * channels, 1, taps, taps)
    flat = F.pad(pictures.reshape(1, n * channels, height, width), (taps // 2,) * 4, mode="replicate")
    return F.conv2d(flat, kernel, groups=n * channels).view(n, channels, height, width)


def degrade(pictures):
    """Small faces, moving faces, compressed video; about half of the batch stays as it is."""
    n, size = len(pictures), pictures.shape[-1]
    device = pictures.device
    piece = n // 20
    parts = [pictures[: n - piece * (len(LOW_SIZES) + 1)]]
    start = len(parts[0])
    for low in (*LOW_SIZES, 128):
        moving = len(parts) > len(LOW_SIZES)
        part = pictures[start : start + piece]
        start += piece
        small = F.interpolate(part.float(), (low, low), mode="bilinear", antialias=True)
        if moving:
            small = motion_blur(small)
        coded = jpeg_like(small, torch.exp(uniform(piece, math.log(0.05), math.log(1.5), device)))
        small = torch.where(column(sometimes(piece, 0.6, device)) > 0, coded, small)
        parts.append(F.interpolate(small, (size, size), mode="bilinear").to(pictures.dtype))
    return torch.cat(parts)


def recolour(pictures, strength):
    """Exposure, gamma, contrast, saturation, white balance, a shadow across the face."""
    n, _, height, _ = pictures.shape
    device = pictures.device
    normal = lambda scale: column(torch.randn(n, device=device) * strength * scale)
    pictures = pictures.float().clamp(0, 1)
    pictures = (pictures + 1e-3) ** torch.exp(normal(0.25))
    shadow = F.interpolate(torch.randn(n, 1, 3, 3, device=device), (height, height), mode="bicubic")
    gain = torch.exp(normal(0.2) + shadow * column(strength * 0.2 * torch.rand(n, device=device)))
    balance = torch.exp(torch.randn(n, 3, 1, 1, device=device) * column(strength) * 0.08)
    pictures = pictures * gain * balance
    grey = pictures.mean(1, keepdim=True)
    pictures = grey + (pictures - grey) * (1 + normal(0.3)).clamp(min=0)
    middle = pictures.mean((1, 2, 3), keepdim=True)
    return (middle + (pictures - middle) * torch.exp(normal(0.2)) + normal(0.04)).clamp(0, 1)


def sensor_noise(pictures, strength):
    """Pixel noise and, at half resolution, the smeared noise of a webcam's denoiser."""
    n, _, height, width = pictures.shape
    device = pictures.device
    fine = torch.randn_like(pictures) * column(strength * 0.03 * torch.rand(n, device=device))
    coarse = torch.randn(n, 3, height // 2, width // 2, device=device, dtype=pictures.dtype)
    coarse = F.interpolate(coarse, (height, width), mode="bilinear")
    return (pictures + fine + coarse * column(strength * 0.03 * torch.rand(n, device=device))).clamp(0, 1)


def to_student_size(pictures, size):
    """The 256-pixel picture at the student's size, between plain and area-averaged bilinear."""
    plain = F.interpolate(pictures, (size, size), mode="bilinear")
    smooth = F.interpolate(pictures, (size, size), mode="bilinear", antialias=True)
    return torch.lerp(smooth, plain, column(uniform(len(pictures), 0, 1.4, pictures.device).to(pictures.dtype)))
