"""Makes training pictures on the GPU: faces pasted on backgrounds, with their true geometry.

Everything is a batched tensor operation, so one device makes pictures as fast as it trains on
them. A picture is a stack of layers, each an affine view of a stored texture:
background, whole clip frames (whose people are faces, too), pasted faces, occluders.
This file draws the random numbers; `detector_layers` touches the pixels.
"""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import torch
import torch.nn.functional as F

from . import detector_clutter, detector_layers
from .detector_model import BGR_MEAN
from .detector_prepare import KIND_FACE, KIND_FRAME, KIND_HEADLESS, KIND_PORTRAIT, KIND_SYNTHETIC

FACE_TEXTURE = (400, 400)
FRAME_TEXTURE = (480, 640)
MIP_LEVELS = 5
LARGEST_FACE, SMALLEST_FACE = 400.0, 12.0
# frames without heads, dead leaves, face puzzles; the rest of the pictures shows plain patterns
BACKDROP_SHARES = (0.35, 0.3, 0.1)
# the same with photographs and pages as fourth kind; the share of each among occluders
PHOTO_BACKDROP_SHARES = (0.25, 0.22, 0.13, 0.25)
# and with lettering and ovals as fifth and sixth
ALL_BACKDROP_SHARES = (0.23, 0.2, 0.1, 0.17, 0.11, 0.11)
ALL_OCCLUDER_SHARES = (0.5, 0.2, 0.05, 0.15, 0.1, 0.0)
OCCLUDER_SHARES, PHOTO_OCCLUDER_SHARES = (0.6, 0.3, 0.1), (0.5, 0.2, 0.1, 0.2)
UNSURE_VISIBLE = 0.2  # neither a face nor background: see `detector_labels`
COMPILED = ("paste_rect", "paste_face", "paste_shape", "own_ovals", "procedural", "letterbox",
            "blur_axis", "expose", "lens", "harsh_light")  # fmt: skip


@dataclass
class Recipe:
    """How pictures are made. The defaults are the evaluation's pictures: they stay as they are."""

    empty: float = 0.12  # share of pictures without pasted faces
    occluders: float = 0.3  # chance of each of two
    clutter: int = 400  # dead-leaves pictures in store
    turned: float = 0.12  # share of faces turned by any angle
    size_power: float = 1.0  # above 1: more small faces
    variety: bool = False  # faces bent, tinted and lit from one side, each in its own way
    ovals: int = 0  # pictures of upright ovals in store
    people: bool = False  # the portraits of people/ among the pasted faces
    portraits: float = 0.0  # share of pictures that show a whole portrait, near or far, turned as faces are
    covers: float = 0.0  # share of occluders that lie on the eyes (dark glasses) or the mouth (masks, hands)
    harsh: bool = False  # dim, coloured, one-sided and infrared light
    lens: float = 0.0  # share of pictures through a wide-angle lens


@dataclass
class Composites:
    """`clean` is what the teacher labels; `degraded` is what the student sees (both BGR 0–255).

    `box` [B,K,4] and `points` [B,K,5,2] in pixels; `visible` [B,K] is the fraction of the face's
    oval that shows, 0 for empty slots; `upright` says that the box still fits (small rotation);
    `sharp` says that blur has not destroyed the face.
    """

    clean: torch.Tensor
    degraded: torch.Tensor
    box: torch.Tensor
    points: torch.Tensor
    visible: torch.Tensor
    upright: torch.Tensor
    sharp: torch.Tensor


def mip_canvas(pictures):
    """[n,3,h,w] uint8 to [n,3,h,w·3/2]: the picture, and its halvings stacked to its right."""
    n, c, h, w = pictures.shape
    canvas = pictures.new_zeros((n, c, h, w + w // 2))
    canvas[..., :w] = pictures
    level, row = pictures, 0
    for _ in range(1, MIP_LEVELS):
        level = F.avg_pool2d(level.float(), 2).round().to(torch.uint8)
        lh, lw = level.shape[2:]
        canvas[..., row : row + lh, w : w + lw] = level
        row += lh
    return canvas


class Textures:
    """Pictures of one size on the device, with mip levels, and their faces in texture pixels."""

    def __init__(self, data, mask, size, device):
        chosen = mask.nonzero()[0]
        pictures = torch.zeros((len(chosen), 3, *size), dtype=torch.uint8)
        for i, j in enumerate(chosen):
            picture = torch.from_numpy(data["pictures"][j]).permute(2, 0, 1)
            pictures[i, :, : picture.shape[1], : picture.shape[2]] = picture
        self.canvas = torch.cat([mip_canvas(p.to(device)) for p in pictures.split(64)])
        names = ("box", "points", "faces", "rect", "sure", "kind")
        arrays = (torch.from_numpy(data[k][chosen]).to(device) for k in names)
        self.box, self.points, self.count, self.rect, self.sure, self.kind = arrays

    def append_faceless(self, pictures):
        """Adds uint8 pictures [n,3,h,w] without faces."""
        n, _, h, w = pictures.shape
        self.canvas = torch.cat([self.canvas, *(mip_canvas(p) for p in pictures.split(64))])
        rect = torch.tensor((0.0, 0.0, w, h), device=pictures.device).expand(n, 4)
        self.rect = torch.cat((self.rect, rect))

    def __len__(self):
        return len(self.canvas)


class Composer:
    def __init__(self, data, split, device, seed=0, compiled=False, all_clips=False,
                 recipe=None, photos=None, lettering=None, host_seed=None):  # fmt: skip
        """`data`: what `detector_prepare.load` returns.

        `all_clips` adds the other split's clips and renderings (never its pasted faces); `photos`
        and `lettering` (uint8 [n,3,480,640]) are more pictures without faces. `host_seed` draws
        what the time a batch takes depends on: the same for processes that wait for each other.
        """
        self.recipe = recipe or Recipe()
        self.device = torch.device(device)
        self.rng = torch.Generator(self.device).manual_seed(seed)
        self.host_rng = torch.Generator().manual_seed(seed if host_seed is None else host_seed)
        functions = {n: getattr(detector_layers, n) for n in (*COMPILED, "jpeg")}
        if compiled:
            torch._dynamo.config.recompile_limit = 64  # each picture size is compiled apart
            functions |= {n: torch.compile(functions[n], dynamic=False) for n in COMPILED}
        self.pixels = SimpleNamespace(**functions)
        kind = data["kind"]
        in_split = data["split"] == split
        clips = in_split | all_clips
        frames = (kind == KIND_FRAME) | (kind == KIND_SYNTHETIC)
        people = (kind == KIND_FACE) | ((kind == KIND_PORTRAIT) & self.recipe.people)
        self.faces = Textures(data, people & in_split, FACE_TEXTURE, self.device)
        self.close_ups = (self.faces.kind == KIND_FACE).nonzero()[:, 0]
        self.whole_portraits = (self.faces.kind == KIND_PORTRAIT).nonzero()[:, 0]
        self.frames = Textures(data, frames & clips, FRAME_TEXTURE, self.device)
        self.backdrops = Textures(data, (kind == KIND_HEADLESS) & clips, FRAME_TEXTURE, self.device)
        self.backdrop_ranges = self.add_clutter(self.recipe.clutter, photos, lettering)
        with_photos = photos is not None
        self.backdrop_shares = PHOTO_BACKDROP_SHARES if with_photos else BACKDROP_SHARES
        self.occluder_shares = PHOTO_OCCLUDER_SHARES if with_photos else OCCLUDER_SHARES
        if len(self.backdrop_ranges) == len(ALL_BACKDROP_SHARES):
            self.backdrop_shares, self.occluder_shares = ALL_BACKDROP_SHARES, ALL_OCCLUDER_SHARES

    def add_clutter(self, count, photos, lettering):
        """Adds dead leaves, face puzzles, photographs, lettering and ovals to the backdrops.

        Returns [3 to 6,2]: first and one past last of frames without heads and of each of these.
        """
        ends = [len(self.backdrops)]
        for source in (self.frames.canvas, self.faces.canvas):
            for start in range(0, count // 2, 40):
                number = min(40, count // 2 - start)
                leaves = detector_clutter.dead_leaves(self.rng, source, number, *FRAME_TEXTURE)
                self.backdrops.append_faceless(leaves)
        ends.append(len(self.backdrops))
        puzzles = detector_clutter.face_puzzles(
            self.rng, self.faces.canvas[self.close_ups], self.faces.rect[self.close_ups], count // 4, *FRAME_TEXTURE
        )
        self.backdrops.append_faceless(puzzles)
        ends.append(len(self.backdrops))
        for pictures in (photos, lettering):
            if pictures is not None:
                self.backdrops.append_faceless(pictures.to(self.device))
                ends.append(len(self.backdrops))
        if self.recipe.ovals:
            for start in range(0, self.recipe.ovals, 40):
                number = min(40, self.recipe.ovals - start)
                source = self.faces if start % 80 == 0 else self.frames
                ovals = detector_clutter.ovals(self.rng, source.canvas, number, *FRAME_TEXTURE)
                self.backdrops.append_faceless(ovals)
            ends.append(len(self.backdrops))
        return torch.tensor(list(zip([0, *ends], ends)), device=self.device)

    def pick_backdrop(self, batch, shares):
        """Index and presence of a backdrop a picture; `shares` of the kinds in store, rest none."""
        bounds = torch.cumsum(detector_layers.constant(shares, self.device), 0)
        kind = (self.uniform(0, 1, batch, 1) >= bounds).sum(1)
        first, end = self.backdrop_ranges[kind.clamp(max=len(shares) - 1)].unbind(1)
        index = first + (self.uniform(0, 1, batch) * (end - first)).long()
        return torch.minimum(index, end - 1), kind < len(shares)

    # random draws ---------------------------------------------------------------------------
    def uniform(self, low, high, *shape):
        return torch.rand(shape, generator=self.rng, device=self.device) * (high - low) + low

    def log_uniform(self, low, high, *shape):
        return torch.exp(self.uniform(math.log(low), math.log(high), *shape))

    def chance(self, p, *shape):
        return torch.rand(shape, generator=self.rng, device=self.device) < p

    def integers(self, high, *shape):
        return torch.randint(high, shape, generator=self.rng, device=self.device)

    def normal(self, *shape):
        return torch.randn(shape, generator=self.rng, device=self.device)

    def sometimes(self, p, values, otherwise):
        """`values`, or `otherwise` where a draw per picture says no."""
        on = self.chance(p, len(values), *[1] * (values.dim() - 1))
        return torch.where(on, values, otherwise)

    # geometry -------------------------------------------------------------------------------
    def affine(self, scale, angle, mirror, stretch):
        """Matrices [B,2,2] from texture offsets to picture offsets."""
        cos, sin = torch.cos(angle), torch.sin(angle)
        a = scale * stretch * torch.where(mirror, -1.0, 1.0)
        rows = torch.stack((cos * a, -sin * scale, sin * a, cos * scale), -1)
        return rows.unflatten(-1, (2, 2))

    @staticmethod
    def inverted(matrix):
        a, b, c, d = matrix.flatten(1).unbind(1)
        rows = torch.stack((d, -b, -c, a), -1) / (a * d - b * c)[:, None]
        return rows.unflatten(-1, (2, 2))

    @staticmethod
    def origin(inverse, look, place):
        """Origin of the view that shows texture point `look` at picture point `place`."""
        return look - (inverse @ place[..., None])[..., 0]

    @staticmethod
    def mip_level(scale, bias):
        return (torch.log2(1 / scale) + bias).round().clamp(0, MIP_LEVELS - 1).long()

    @staticmethod
    def transform(box, points, matrix, origin):
        """Boxes [B,k,4] and points of a texture in picture pixels.

        The box becomes the one around the turned oval that the box encloses.
        """
        turn = matrix.transpose(1, 2)
        centre = (box[..., :2] + box[..., 2:]) / 2
        half = (box[..., 2:] - box[..., :2]) / 2
        centre = (centre - origin[:, None]) @ turn
        half = torch.sqrt(half**2 @ turn**2)
        moved = ((points.flatten(1, 2) - origin[:, None]) @ turn).unflatten(1, points.shape[1:3])
        a, b, c, d = matrix.flatten(1).unbind(1)
        # a mirrored face swaps its left and right points
        mirrored = (a * d < b * c)[:, None, None, None]
        moved = torch.where(mirrored, moved[..., [1, 0, 2, 4, 3], :], moved)
        return torch.cat((centre - half, centre + half), -1), moved

    def size_of(self, height, width):
        return detector_layers.constant((float(width), float(height)), self.device)

    # layers ---------------------------------------------------------------------------------
    def procedural(self, batch, height, width):
        """Gradients, blotches, stripes, boxes and discs in random colours."""
        octaves = (4, 10, 28, 72)
        blotches = [self.uniform(-1, 1, batch, 3, max(2, n * height // width), n) for n in octaves]
        none = torch.zeros((), device=self.device)
        gains = torch.stack([self.sometimes(0.5, self.uniform(0, 60, batch), none) for _ in octaves], 1)
        return self.pixels.procedural(
            self.uniform(0, 255, batch, 4, 3), self.uniform(0, 2 * math.pi, batch),
            self.uniform(0, 1, batch), blotches, gains, self.log_uniform(4, 120, batch),
            self.uniform(0, 6, batch), self.chance(0.5, batch),
            self.sometimes(0.3, self.uniform(0, 70, batch), none),
            self.uniform(0, 1, batch, 2, 2) * self.size_of(height, width),
            self.log_uniform(12, max(height, width) / 2, batch, 2, 2),
            self.chance(0.5, batch, 2), self.chance(0.5, batch, 2), height, width,
        )  # fmt: skip

    def frame_layer(self, out, present):
        """Whole clip frames: their turned, shifted, zoomed view and their faces in its pixels."""
        batch, _, height, width = out.shape
        index = self.integers(len(self.frames), batch)
        as_is = self.chance(0.4, batch)
        zoom = torch.where(as_is, self.uniform(0.95, 1.05, batch), self.log_uniform(0.6, 3.0, batch))
        angle = self.sometimes(0.3, self.uniform(-0.25, 0.25, batch), torch.zeros((), device=self.device))
        return self.whole_view(out, self.frames, index, present, as_is, zoom, angle)

    def portrait_layer(self, out, present):
        """Whole portraits: as they are, from afar, or so near that the face outgrows the picture."""
        batch = len(out)
        pick = self.integers(len(self.whole_portraits), batch)
        as_is = self.chance(0.4, batch)
        zoom = torch.where(as_is, self.uniform(0.95, 1.35, batch), self.log_uniform(0.35, 2.4, batch))
        angle = self.turn(batch, 0.12)
        index = self.whole_portraits[pick]
        return self.whole_view(out, self.faces, index, present, as_is, zoom, angle)

    def turn(self, batch, usual):
        """Angles in the picture's plane: mostly small, some of any size."""
        angle = self.normal(batch) * usual
        return torch.where(self.chance(self.recipe.turned, batch), self.uniform(-math.pi, math.pi, batch), angle)

    def whole_view(self, out, textures, index, present, as_is, zoom, angle):
        """Shows textures `index` whole: the picture, where it shows, and its faces."""
        batch, _, height, width = out.shape
        rect, faces = textures.rect[index], textures.box[index]
        fit = (self.size_of(height, width) / (rect[:, 2:] - rect[:, :2])).amin(1)
        scale = fit * zoom
        matrix = self.affine(scale, angle, self.chance(0.5, batch), self.uniform(0.85, 1.15, batch))
        inverse = self.inverted(matrix)
        # the middle of the picture shows the middle of the frame, or, enlarged, its first face
        middle = (rect[:, :2] + rect[:, 2:]) / 2
        head = (faces[:, 0, :2] + faces[:, 0, 2:]) / 2
        close = (zoom > 1.1) & (textures.count[index] > 0)
        look = torch.where(close[:, None], head, middle)
        place = 0.5 + self.uniform(-0.5, 0.5, batch, 2) * torch.where(as_is, 0.05, 0.9)[:, None]
        origin = self.origin(inverse, look, place * self.size_of(height, width))
        level = self.mip_level(scale, self.uniform(-0.3, 0.5, batch))
        out, shown = self.pixels.paste_rect(
            out, textures.canvas, index, inverse, origin, level, rect, present
        )
        box, points = self.transform(faces, textures.points[index], matrix, origin)
        slots = torch.arange(faces.shape[1], device=self.device)
        valid = (slots < textures.count[index][:, None]) & present[:, None]
        return out, shown, box, points, valid, textures.sure[index]

    def backdrop(self, out, textures, index, present, zoom):
        """A turned detail of a picture over the whole background, wherever it reaches."""
        batch, _, height, width = out.shape
        rect = textures.rect[index]
        scale = zoom * (self.size_of(height, width) / (rect[:, 2:] - rect[:, :2])).amin(1)
        angle = self.sometimes(
            0.4, self.uniform(-math.pi, math.pi, batch), torch.zeros((), device=self.device)
        )
        matrix = self.affine(scale, angle, self.chance(0.5, batch), self.uniform(0.85, 1.15, batch))
        inverse = self.inverted(matrix)
        look = rect[:, :2] + self.uniform(0.05, 0.95, batch, 2) * (rect[:, 2:] - rect[:, :2])
        origin = self.origin(inverse, look, self.size_of(height, width).expand(batch, 2) / 2)
        level = self.mip_level(scale, self.uniform(-0.3, 0.5, batch))
        return self.pixels.paste_rect(
            out, textures.canvas, index, inverse, origin, level, rect, present
        )[0]

    def face_variety(self, batch):
        """How each face is bent and lit: see `detector_layers.paste_face`."""
        if not self.recipe.variety:
            return ()
        straight = torch.zeros((), device=self.device)
        bend = self.sometimes(0.6, self.uniform(-0.05, 0.05, batch, 2), straight)
        tint = torch.exp(self.sometimes(0.5, self.normal(batch, 3) * 0.13, straight))
        light = self.sometimes(0.5, self.uniform(-0.45, 0.45, batch, 2), straight)
        gamma = torch.exp(self.sometimes(0.5, self.uniform(-0.5, 0.5, batch), straight))
        return bend, self.uniform(0.8, 3.0, batch, 2), self.uniform(0, 2 * math.pi, batch, 2), tint, light, gamma

    def face_slot(self, out, owner, slot, present, size):
        """Pastes one face a picture; `size` [B] is the box height in pixels."""
        batch, _, height, width = out.shape
        index = self.integers(len(self.faces), batch)
        box = self.faces.box[index, 0]
        scale = size / (box[:, 3] - box[:, 1])
        angle = self.turn(batch, 0.22)
        matrix = self.affine(scale, angle, self.chance(0.5, batch), self.uniform(0.72, 1.12, batch))
        inverse = self.inverted(matrix)
        margin = 0.25 * size[:, None]
        place = margin + self.uniform(0, 1, batch, 2) * (self.size_of(height, width) - 2 * margin)
        origin = self.origin(inverse, (box[:, :2] + box[:, 2:]) / 2, place)
        # now and then enlarged from few pixels
        level = self.mip_level(scale, self.uniform(-0.5, 0.4, batch) + 1.2 * self.chance(0.15, batch))
        # the pasted shape: from a tight oval to head and shoulders, or the whole true picture
        whole = self.chance(0.3, batch, 1) & (self.faces.count[index] == 1)[:, None]
        reach = torch.where(whole, 30.0, self.uniform(1.05, 2.0, batch, 2))
        out, owner = self.pixels.paste_face(
            out, owner, detector_layers.constant(slot, self.device), self.faces.canvas, index, inverse,
            origin, level, self.faces.rect[index], box, reach,
            torch.where(self.chance(0.5, batch), 2.0, 6.0), self.uniform(0.04, 0.35, batch),
            present, self.uniform(0.6, 1.25, batch), *self.face_variety(batch),
        )  # fmt: skip
        box, points = self.transform(box[:, None], self.faces.points[index, :1], matrix, origin)
        return out, owner, box, points, angle.abs() < 0.7

    def occluder(self, out, owner, present, faces, points, valid):
        """Cloth, hands or walls over a part of a face, or anywhere; glasses and masks."""
        batch, _, height, width = out.shape
        rows = torch.arange(batch, device=self.device)
        pick = self.integers(faces.shape[1], batch)
        box, on_face = faces[rows, pick], valid[rows, pick]
        span = box[:, 2:] - box[:, :2]
        size = torch.where(
            on_face, span.mean(-1).clamp(8, 500) * self.uniform(0.25, 0.9, batch),
            self.log_uniform(10, 200, batch),
        )  # fmt: skip
        anywhere = self.uniform(0, 1, batch, 2) * self.size_of(height, width)
        spot = box[:, :2] + self.uniform(-0.1, 1.1, batch, 2) * span
        place = torch.where(on_face[:, None], spot, anywhere)
        half = size[:, None] / 2 * self.log_uniform(0.4, 1.8, batch, 2)
        turn = self.uniform(-3.1, 3.1, batch)
        if self.recipe.covers:
            # on the line of the eyes, or of the mouth and the chin
            of_face = points[rows, pick]
            eyes, mouth = of_face[:, :2].mean(1), of_face[:, 3:].mean(1)
            along = of_face[:, 1] - of_face[:, 0]
            tall = torch.linalg.norm(mouth - eyes, dim=1).clamp(min=2)
            low = self.chance(0.5, batch)
            chosen = self.chance(self.recipe.covers, batch) & on_face
            cover = torch.where(low[:, None], mouth + 0.15 * (mouth - eyes), eyes)
            shape = tall[:, None] * torch.where(
                low[:, None], self.uniform(0.4, 0.9, batch, 2), self.uniform(0.85, 1.1, batch, 2)
            )
            shape = shape * torch.where(low, 1.0, self.uniform(0.25, 0.4, batch))[:, None] ** detector_layers.constant((0.0, 1.0), self.device)
            place = torch.where(chosen[:, None], cover, place)
            half = torch.where(chosen[:, None], shape, half)
            turn = torch.where(chosen, torch.atan2(along[:, 1], along[:, 0]), turn)
        index, _ = self.pick_backdrop(batch, self.occluder_shares)
        scale = self.log_uniform(0.3, 2.5, batch)
        matrix = self.affine(scale, self.uniform(-3.1, 3.1, batch), self.chance(0.5, batch),
                             self.uniform(0.7, 1.3, batch))  # fmt: skip
        inverse = self.inverted(matrix)
        # mostly the middle of the frame, where people hold their hands
        look = self.uniform(0.25, 0.75, batch, 2) * self.size_of(360, 640)
        return self.pixels.paste_shape(
            out, owner, self.backdrops.canvas, index, inverse, self.origin(inverse, look, place),
            self.mip_level(scale, torch.zeros_like(scale)), place,
            half, turn, torch.where(self.chance(0.6, batch), 2.0, 8.0), present,
        )  # fmt: skip

    # whole pictures -------------------------------------------------------------------------
    def picture_layers(self, batch, height, width, faces, frames):
        """Stacks the layers; returns the picture and the faces' geometry and visibility."""
        out = self.procedural(batch, height, width)
        index, present = self.pick_backdrop(batch, self.backdrop_shares)
        out = self.backdrop(out, self.backdrops, index, present, self.log_uniform(0.8, 5.0, batch))
        # hair, skin, single eyes or mouths, far larger than a face
        index = self.close_ups[self.integers(len(self.close_ups), batch)]
        enlarged = self.log_uniform(4, 12, batch)
        out = self.backdrop(out, self.faces, index, self.chance(0.06, batch), enlarged)
        show_frame = self.chance(frames, batch)
        out, shown, box, points, valid, sure = self.frame_layer(out, show_frame)
        if self.recipe.portraits and faces:
            near = self.chance(self.recipe.portraits, batch)
            out, *view = self.portrait_layer(out, near)
            old = (shown, box, points, valid, sure)
            shown, box, points, valid, sure = (
                torch.where(near.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in zip(view, old)
            )
            show_frame = show_frame | near
        owner = torch.full((batch, height, width), -1, dtype=torch.int8, device=self.device)
        owner = self.pixels.own_ovals(owner, box, valid, shown)
        slots = box.shape[1]
        boxes, point_sets, valids, uprights = [box], [points], [valid], [torch.ones_like(valid)]
        sures = [sure]
        wanted = torch.where(self.chance(self.recipe.empty, batch), 0, 1 + self.integers(max(faces, 1), batch))
        wanted = torch.where(show_frame, wanted * self.chance(0.25, batch), wanted)
        largest = min(LARGEST_FACE, 0.92 * min(height, width))
        for k in range(faces):
            present = wanted > k
            top = (largest * (1.5 / (wanted + 0.5)).clamp(max=1)).clamp(min=24)
            size = SMALLEST_FACE * (top / SMALLEST_FACE) ** self.uniform(0, 1, batch) ** self.recipe.size_power
            out, owner, box, points, upright = self.face_slot(out, owner, slots + k, present, size)
            boxes.append(box)
            point_sets.append(points)
            valids.append(present[:, None])
            uprights.append(upright[:, None])
            sures.append(torch.ones_like(upright[:, None]))
        box, valid, points = torch.cat(boxes, 1), torch.cat(valids, 1), torch.cat(point_sets, 1)
        for _ in range(2):
            present = self.chance(self.recipe.occluders, batch)
            out, owner = self.occluder(out, owner, present, box, points, valid)
        area = (box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1) * (math.pi / 4)
        owned = torch.stack([(owner == i).sum((1, 2)) for i in range(box.shape[1])], 1)
        visible = (owned / area.clamp(min=1)).clamp(max=1) * valid
        # whether an unsure one is a face is left open, however well it shows
        visible = torch.where(torch.cat(sures, 1), visible, visible.clamp(max=UNSURE_VISIBLE))
        return out, box, points, visible, torch.cat(uprights, 1)

    def lens(self, out, box, points):
        """Barrel and pincushion distortion of some pictures."""
        if not self.recipe.lens:
            return out, box, points
        none = torch.zeros((), device=self.device)
        bend = self.sometimes(self.recipe.lens, self.uniform(-0.12, 0.35, len(out)), none)
        return (
            self.pixels.lens(out, bend),
            detector_layers.lens_boxes(box, bend, self.size_of(*out.shape[2:])),
            detector_layers.lens_points(points, bend, self.size_of(*out.shape[2:])),
        )

    def harsh_light(self, out):
        """Dim, coloured, one-sided and infrared light on some pictures."""
        batch = len(out)
        none = torch.zeros((), device=self.device)
        slope = self.sometimes(0.2, self.normal(batch, 2) * 0.9, none)
        tint = self.sometimes(0.2, self.normal(batch, 3) * 0.35, none)
        dim = self.sometimes(0.15, self.uniform(-1.8, -0.5, batch), none)
        return self.pixels.harsh_light(out, slope, tint, dim, self.chance(0.08, batch), self.normal(*out.shape))

    def letterbox(self, out, visible, box):
        """Some pictures end in a black or mean-coloured band, as a scaled camera frame does."""
        batch, _, height, width = out.shape
        one = torch.ones((), device=self.device)
        keep_h = self.sometimes(0.15, self.uniform(0.7, 0.98, batch), one) * height
        keep_w = self.sometimes(0.08, self.uniform(0.7, 0.98, batch), one) * width
        mean = detector_layers.constant(BGR_MEAN, self.device).view(1, 3, 1, 1)
        out = self.pixels.letterbox(out, keep_w, keep_h, mean * self.chance(0.5, batch, 1, 1, 1))
        centre = (box[..., :2] + box[..., 2:]) / 2
        cut = (centre[..., 0] > keep_w[:, None]) | (centre[..., 1] > keep_h[:, None])
        partial = (box[..., 2] > keep_w[:, None]) | (box[..., 3] > keep_h[:, None])
        # partly cut faces are left to the teacher's judgement
        visible = torch.where(partial, visible.clamp(max=0.5), visible)
        return out, torch.where(cut, 0.0, visible)

    def blur(self, out):
        """Out-of-focus and motion blur (wider along one axis); returns the picture and sigma."""
        batch = out.shape[0]
        sigma = torch.where(self.chance(0.45, batch), self.log_uniform(0.3, 2.5, batch), 0.05)
        other = sigma * torch.where(self.chance(0.4, batch), self.uniform(0.1, 1, batch), 1.0)
        along_x = self.chance(0.5, batch)
        out = self.pixels.blur_axis(out, torch.where(along_x, sigma, other), 3)
        return self.pixels.blur_axis(out, torch.where(along_x, other, sigma), 2), sigma

    def photometric(self, out):
        """Exposure, gamma, contrast, colour, grey pictures, sensor noise, JPEG."""
        batch = out.shape[0]
        span = lambda low, high, c=1: self.uniform(low, high, batch, c, 1, 1)  # noqa: E731
        one = torch.ones((), device=self.device)
        saturation = self.sometimes(0.4, span(0.2, 1.6), one)
        saturation = torch.where(self.chance(0.12, batch, 1, 1, 1), 0.0, saturation)
        x = self.pixels.expose(
            out, self.sometimes(0.5, torch.exp(span(-0.8, 0.8)), one),
            self.sometimes(0.5, span(0.45, 1.35), one), self.sometimes(0.5, span(0.8, 1.2, 3), one),
            self.sometimes(0.4, span(0.5, 1.5), one), saturation,
            self.sometimes(0.5, span(0, 1) ** 2 * 0.12, one * 0.004), self.normal(*out.shape),
        )  # fmt: skip
        return self.pixels.jpeg(x, span(18, 92), self.chance(0.5, batch, 1, 1, 1))

    @torch.no_grad()
    def make(self, batch, height, width, faces=None, frames=0.3, replace=None):
        """A batch of pictures; `faces` at most this many pasted a picture (random if None),
        `frames` the share that shows a whole clip frame. `replace(out, visible)` may put other
        pictures in their place before exposure, noise and JPEG."""
        if faces is None:
            faces = (1, 2, 3, 4, 10)[int(torch.randint(5, (1,), generator=self.host_rng))]
        out, box, points, visible, upright = self.picture_layers(batch, height, width, faces, frames)
        out, box, points = self.lens(out, box, points)
        out, visible = self.letterbox(out, visible, box)
        out, sigma = self.blur(out)
        if replace is not None:
            out, visible = replace(out, visible)
        sharp = sigma[:, None] * 9 < (box[..., 2:] - box[..., :2]).mean(-1)
        lit = self.harsh_light(out) if self.recipe.harsh else out
        degraded = torch.where(self.chance(0.85, batch, 1, 1, 1), self.photometric(lit), lit)
        return Composites(out, degraded, box, points, visible, upright, sharp)
