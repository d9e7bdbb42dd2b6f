"""Scenes to train on: faces of the atlas in new poses, backgrounds, and what is no face.

Everything happens on the device of the atlas. See `views` for the coordinates.
"""

from dataclasses import dataclass

import torch

from . import covers, lights, photometric, views, warp
from .atlas import Atlas, Faces, Others
from .views import BASE, COVER

BACKGROUND_SHARE = 1 / 9
OTHER_SHARE = 1 / 18  # regions and pictures known to hold no face
NODES = 44  # nodes per side of a scene's displacement grid
TEXTURE = 100  # samples per side of what covers are made of
SURE_FACE, SURE_NOTHING = 3.0, -1.0  # teacher's presence logits on backgrounds
# Shares of the scenes that wear something; hands and patches come after, over everything.
WEARS = ((covers.eyewear, 0.26), (covers.hat, 0.08), (covers.face_mask, 0.07), (covers.beard, 0.07))
COVERED_SHARE = 0.24


@dataclass
class Scenes:
    """A batch: pictures [n, 3, BASE, BASE], landmarks [n, 478, 2] in −1…1 of the scene (of the face that
    the scene was made of), whether it is made of a face [n], and whether it surely holds none [n]."""

    pictures: torch.Tensor
    picture: torch.Tensor
    places: torch.Tensor
    face: torch.Tensor
    nothing: torch.Tensor


class SceneMaker:
    def __init__(self, atlas: Atlas, faces: Faces, others: Others):
        self.severity = 1.0  # scales how many scenes are turned in space or wear something
        self.atlas, self.faces, self.others = atlas, faces, others
        device = faces.picture.device
        self.chance = torch.cumsum(faces.weight / faces.weight.sum(), 0)
        # Up to three known faces of each picture (a far-away place where there are fewer).
        pictures = len(atlas.offset)
        self.known = torch.full((pictures, 3, 3), -1e6, device=device)
        centre, side, _ = warp.regions_around(faces.landmarks)
        box = torch.cat([centre, side[:, None] / 1.5], 1)
        count = torch.zeros(pictures, dtype=torch.long)
        for row, picture in enumerate(faces.picture.tolist()):
            self.known[picture, min(int(count[picture]), 2)] = box[row]
            count[picture] += 1
        first = torch.zeros(pictures, device=device, dtype=torch.long)
        first[faces.picture] = torch.arange(len(faces.picture), device=device)
        self.first_landmarks = faces.landmarks[first][..., :2].contiguous()

    def draw_regions(self, n):
        """Pictures [n], where the scenes' pixels come from [n, BASE, BASE] (x and y), places, kinds."""
        faces, device = self.faces, self.chance.device
        chosen = torch.searchsorted(self.chance, torch.rand(n, device=device)).clamp(max=len(self.chance) - 1)
        old = faces.landmarks[chosen]
        moved = warp.new_landmarks(faces, chosen)
        moved = torch.lerp(moved, old, warp.sometimes(n, 1 - 0.7 * self.severity, device).view(-1, 1, 1))
        centre, side, angle = warp.regions_around(moved)
        picture = faces.picture[chosen].clone()
        empty, other = int(n * BACKGROUND_SHARE), max(1, int(n * OTHER_SHARE))
        centre[:empty], side[:empty], angle[:empty] = warp.without_face(self.atlas, picture[:empty])
        row = torch.randint(len(self.others.picture), (other,), device=device)
        picture[empty : empty + other] = self.others.picture[row]
        region = self.others.region[row]
        centre[empty : empty + other], side[empty : empty + other] = region[:, :2], region[:, 2]
        angle[empty : empty + other] = region[:, 3] + 0.3 * torch.randn(other, device=device)
        face = torch.arange(n, device=device) >= empty + other
        linear = warp.crop_frames(side * COVER, angle, warp.sometimes(n, 0.5, device))
        field = warp.displacement(old, moved, linear, centre, side, NODES) * face.view(-1, 1, 1, 1)
        x, y = warp.source_positions(linear, centre, field, BASE)
        places = (moved[..., :2] - centre[:, None]) @ warp.inverse(linear).transpose(1, 2)
        nothing = ~face & (self.is_far(picture, centre, side) | (torch.arange(n, device=device) >= empty))
        return picture, x, y, places, face, nothing

    def is_far(self, picture, centre, side):
        """[n]: whether no known face of the picture reaches into the middle of the region."""
        known = self.known[picture]
        distance = (known[..., :2] - centre[:, None]).abs().amax(-1)
        return (distance > (known[..., 2] + side[:, None] / 1.5) * 0.45).all(1)

    def render_parts(self, n):
        """The parts of `Scenes`, `n` of them."""
        picture, x, y, places, face, nothing = self.draw_regions(n)
        pictures = self.atlas.sample(picture, x, y).contiguous()
        return pictures, picture, places, face, nothing

    def texture(self, picture):
        """Scenes full of what lies anywhere in the pictures [m]: cloth, reflections, covers."""
        return self.patches(picture, *warp.without_face(self.atlas, picture))

    def skin_texture(self, picture):
        """Scenes full of a cheek's skin, for hands."""
        points = self.first_landmarks[picture]
        side = (points[:, 454] - points[:, 234]).norm(dim=1) * 0.2
        which = torch.randint(2, (len(points),), device=points.device)[:, None]
        return self.patches(picture, torch.where(which > 0, points[:, 50], points[:, 280]), side, torch.zeros_like(side))

    def patches(self, picture, centre, side, angle):
        """Regions of the pictures, sampled coarsely, at the size of scenes."""
        linear = warp.crop_frames(side, angle, torch.zeros_like(side))
        x, y = warp.source_positions(linear, centre, torch.zeros(len(side), 2, 2, 2, device=side.device), TEXTURE)
        coarse = self.atlas.sample(picture, x, y).contiguous()
        return torch.nn.functional.interpolate(coarse, (BASE, BASE), mode="bilinear")

    def any_picture(self, n):
        return torch.randint(len(self.atlas.offset), (n,), device=self.chance.device)

    def hands(self, pictures, picture):
        """Hands and patches in front: pictures and mask."""
        n, device = len(pictures), pictures.device
        is_hand = photometric.column(warp.sometimes(n, 0.65, device))
        cover = torch.where(is_hand > 0, self.skin_texture(picture), self.texture(self.any_picture(n)))
        hand, shade = photometric.capsules(n, BASE, device, reach=1 / COVER)
        mask = torch.where(is_hand > 0, hand, photometric.blobs(n, BASE, device))
        cover = cover * torch.where(is_hand > 0, shade, torch.ones_like(shade))
        cover = cover * torch.exp(torch.randn(n, 1, 1, 1, device=device) * 0.2)
        return torch.lerp(pictures, cover.clamp(0, 1), mask), mask

    def dress(self, scenes, order):
        """Pictures with glasses, hats and hands (what the student sees), and how much of each face
        [n] is covered. `order` [n] is a random order: each part of it wears one thing."""
        pictures, covered = scenes.pictures.clone(), torch.zeros(len(order), device=order.device)
        start = 0
        for draw, share in WEARS:
            who = order[start : start + max(1, int(len(order) * share * self.severity))]
            start += len(who)
            texture = self.texture(self.any_picture(len(who)))
            pictures[who], mask = draw(pictures[who], scenes.places[who], texture)
            covered[who] = self.share_covered(mask, scenes.places[who])
        hidden = max(1, int(len(order) * COVERED_SHARE * self.severity))
        who = order[warp.permutation(len(order), order.device)[:hidden]]
        pictures[who], mask = self.hands(pictures[who], scenes.picture[who])
        covered[who] = torch.maximum(covered[who], self.share_covered(mask, scenes.places[who]))
        return pictures, covered

    @staticmethod
    def share_covered(mask, places):
        """[m]: the share of the landmarks under the mask."""
        grid = places[:, None].clamp(-1, 1)
        return torch.nn.functional.grid_sample(mask.float(), grid, align_corners=False).mean((1, 2, 3))


def student_crops(pictures, places, middle, linear, size, order, severity=1.0):
    """What the student sees [n · v, 3, size, size] through its views, in all sorts of light, in a random `order`."""
    crops = views.look(pictures, middle, linear, size)
    flat = torch.cat([places, torch.zeros_like(places[..., :1])], -1)
    places = views.to_view(flat, middle, linear, torch.ones_like(middle[..., 0]))[..., :2].flatten(0, 1)
    return lights.light(crops[order], places[order], severity)
