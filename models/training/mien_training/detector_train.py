"""Distils the RetinaFace teacher into the student on composites made on the same device.

    python -m mien_training.detector_train --data .traindet --out out --minutes 9

Stops by the clock, with the learning rate's cosine laid over the given minutes, and writes
`detector.pt`: the averaged weights, ready for `detector_export`.
"""

import argparse
import copy
import math
import time

import torch
import torch.nn.functional as F

from . import detector_model as model
from . import detector_photos
from .detector_compose import Composer
from .detector_layers import constant
from .detector_import import calibrate, load_onnx
from .detector_prepare import SPLIT_TRAIN, load

# height, width, pictures, share of the steps
SHAPES = ((480, 640, 64, 0.35), (640, 640, 48, 0.25), (256, 320, 192, 0.4))
VISIBLE_ENOUGH = 0.6
SMALLEST_FACE = 13.0
EVEN_MASS = 4.0
HARD_SCORE = 0.15  # a face-free picture in which the student sees this much is kept
HARD_PER_STEP = 6


def network_input(bgr):
    mean = constant(model.BGR_MEAN, bgr.device).view(1, 3, 1, 1)
    return (bgr - mean).contiguous(memory_format=torch.channels_last)


def even_shares(iou, near, which, target):
    """[B,A]: more for faces whose anchors have little certainty in all, less for those with much."""
    mine = torch.zeros_like(iou).scatter_(2, which[..., None], target[..., None])
    mass = (mine * (near > 0.35)[..., None]).sum(1)
    return (EVEN_MASS / mass.clamp(min=1e-3)).sqrt().clamp(0.5, 2.5).gather(1, which)


@torch.no_grad()
def targets(teacher_out, composites, priors, args):
    """Per anchor: face probability, its weight, box and landmark values, their weight.

    The teacher's outputs on the clean picture are the target, corrected by what the composer
    knows: no face away from every true face; a face where the teacher misses a visible one;
    at true faces the teacher's logit × `args.sharpen` + `args.lift`. With `args.even_faces` a face
    with few anchors weighs more, one with many less.
    """
    loc, prob, landms = (t.float() for t in teacher_out)
    box, visible = composites.box, composites.visible
    corners = torch.cat((priors[:, :2] - priors[:, 2:] / 2, priors[:, :2] + priors[:, 2:] / 2), 1)
    iou = model.box_iou(corners[None], box)  # [B,A,K]
    iou = iou * (visible > 0.02)[:, None]
    near, which = iou.max(2)
    size = (box[..., 2:] - box[..., :2]).mean(-1)
    findable = (
        (visible > VISIBLE_ENOUGH) & composites.upright & composites.sharp & (size > SMALLEST_FACE)
    )
    # best teacher score over each face's own anchors
    close = torch.where(iou > 0.35, prob[..., None], 0.0)
    missed = findable & (close.amax(1) < 0.5)
    best_anchor = iou.amax(1, keepdim=True).clamp(min=0.3)
    matched = (iou >= 0.5) | (iou >= best_anchor - 1e-4)
    lifted = (matched & missed[:, None]).any(2)
    around_missed = ((iou > 0.2) & missed[:, None]).any(2) & ~lifted
    raised = torch.sigmoid(torch.logit(prob, 1e-6) * args.sharpen + args.lift)
    target = torch.where(
        near < 0.15, prob.clamp(max=args.background), torch.where(near > 0.35, raised, prob)
    )
    target = torch.where(lifted, target.clamp(min=0.85), target)
    weight = torch.where(around_missed, 0.0, torch.where(near < 0.15, args.negative_weight, 1.0))
    if args.even_faces:
        weight = torch.where(near > 0.35, weight * even_shares(iou, near, which, target), weight)

    def of_face(values):
        shape = which.shape + values.shape[2:]
        index = which.reshape(*which.shape, *[1] * (values.dim() - 2)).expand(shape)
        return values.gather(1, index)

    true_loc = model.encode_boxes(of_face(box), priors)
    true_landms = model.encode_points(of_face(composites.points), priors)
    teach = (prob > 0.3) & (near >= 0.15)
    shape_weight = torch.where(teach, prob, torch.where(lifted, 0.5, 0.0))
    loc = torch.where(teach[..., None], loc, true_loc)
    landms = torch.where(teach[..., None], landms, true_landms)
    return target, weight, loc, landms, shape_weight


def losses(out, wanted):
    loc, logit, landms = (t.float() for t in out)
    target, weight, want_loc, want_landms, shape_weight = wanted
    bce = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    gap = (torch.sigmoid(logit) - target).abs()
    count = target.sum().clamp(min=1)
    face = (weight * gap**1.5 * bce).sum() / count
    shape_count = shape_weight.sum().clamp(min=1)
    box = F.smooth_l1_loss(loc, want_loc, reduction="none", beta=0.2).sum(-1)
    points = F.smooth_l1_loss(landms, want_landms, reduction="none", beta=0.2).sum(-1)
    return face, (box * shape_weight).sum() / shape_count, (points * shape_weight).sum() / shape_count


class HardPictures:
    """Face-free pictures in which the student lately saw faces, to be shown again.

    One ring a picture size. They come back mirrored and with new exposure, noise and JPEG, as the
    last `share` of a batch. Nothing here waits for the device.
    """

    def __init__(self, share, capacity, composer):
        self.share, self.capacity, self.composer = share, capacity, composer
        self.rings, self.seen = {}, {}

    def ring(self, size):
        if size not in self.rings:
            device = self.composer.device
            # one more place, for what is not kept
            self.rings[size] = torch.zeros((self.capacity + 1, 3, *size), dtype=torch.uint8, device=device)
            self.seen[size] = torch.zeros((), dtype=torch.long, device=device)
        return self.rings[size], self.seen[size]

    def number(self, batch):
        return int(batch * self.share)

    def keep(self, made, logit):
        """Takes the worst new pictures of a batch, by the student's face logits [B,A]."""
        fresh = len(made.clean) - self.number(len(made.clean))
        faceless = made.visible[:fresh].sum(1) == 0
        score = torch.sigmoid(logit[:fresh].float().amax(1)) * faceless
        worst, index = score.topk(min(HARD_PER_STEP, fresh))
        ring, seen = self.ring(tuple(made.clean.shape[2:]))
        wanted = worst > HARD_SCORE
        place = torch.where(wanted, (seen + wanted.cumsum(0) - 1) % self.capacity, self.capacity)
        ring[place] = made.clean[index].round().to(torch.uint8)
        seen += wanted.sum()

    def replace(self, out, visible):
        """For `Composer.make`: puts kept pictures in the place of the last ones, once there are enough."""
        number = self.number(len(out))
        if not number:
            return out, visible
        ring, seen = self.ring(tuple(out.shape[2:]))
        stored = seen.clamp(max=self.capacity)
        index = (torch.rand(number, generator=self.composer.rng, device=out.device) * stored).long()
        pictures = ring[index].float()
        pictures = torch.where(self.composer.chance(0.5, number, 1, 1, 1), pictures.flip(3), pictures)
        enough = stored >= 4 * number
        out = torch.cat((out[:-number], torch.where(enough, pictures, out[-number:])))
        shown = visible[-number:] * ~enough
        return out, torch.cat((visible[:-number], shown))


class Average:
    """Exponential average of weights and statistics, quicker at the start."""

    def __init__(self, net, decay=0.998):
        self.net, self.decay, self.steps = copy.deepcopy(net).eval(), decay, 0

    @torch.no_grad()
    def update(self, net):
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        new = [t for t in net.state_dict().values() if t.is_floating_point()]
        old = [t for t in self.net.state_dict().values() if t.is_floating_point()]
        torch._foreach_lerp_(old, new, 1 - decay)

    def save(self, path):
        torch.save({k: v.float().cpu() for k, v in self.net.state_dict().items()}, path)


def train(args):
    torch.manual_seed(args.seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    device = torch.device(args.device)
    half = torch.bfloat16 if device.type == "cuda" else torch.float32
    start = time.time()
    print("settings:", " ".join(f"{name}={value}" for name, value in vars(args).items()), flush=True)
    composer = Composer(
        load(f"{args.data}/detector_data.npz"), SPLIT_TRAIN, device, args.seed, args.compile,
        args.all_clips, args.empty, args.occluders, args.clutter,
        detector_photos.load(args.photos) if args.photos else None,
    )  # fmt: skip
    teacher_type = torch.float16 if device.type == "cuda" else torch.float32
    teacher = model.Teacher(f"{args.data}/retinaface_mnet025_640x640.onnx").eval()
    teacher = teacher.to(device, teacher_type, memory_format=torch.channels_last)
    net = model.Student().to(device, memory_format=torch.channels_last)
    if args.resume:
        net.load_state_dict(torch.load(args.resume, map_location=device, weights_only=True))
    if args.resume_onnx:
        net.load_state_dict(load_onnx(args.resume_onnx).state_dict())
        sizes = [SHAPES[0]] * 4 + [SHAPES[2]] * 4
        calibrate(net, (
            network_input(composer.make(max(1, 48 // args.shrink), h, w).degraded) for h, w, _, _ in sizes
        ))  # fmt: skip
    net.train()
    hard = HardPictures(args.hard, args.hard_capacity, composer)
    average = Average(net)
    decayed = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}], lr=args.rate
    )
    priors = {s[:2]: model.anchors(s[0], s[1], device) for s in SHAPES}
    shape_rng = torch.Generator().manual_seed(args.seed)
    shares = torch.tensor([s[3] for s in SHAPES])
    print(f"ready after {time.time() - start:.1f} s: {len(composer.faces)} faces, "
          f"{len(composer.frames)} frames, {len(composer.backdrops)} backdrops")  # fmt: skip
    if args.compile:
        for height, width, batch, _ in SHAPES:
            composer.make(max(1, batch // args.shrink), height, width, faces=1)
            print(f"compiled for {width}×{height} after {time.time() - start:.1f} s")
    # the schedule is a function of the clock
    end, start = start + 60 * args.minutes, time.time()
    step, pictures, logged = 0, 0, torch.zeros(3, device=device)
    while True:
        done = (time.time() - start) / (end - start)
        if done >= 1 or step == args.steps:
            break
        warm = min(1.0, (step + 1) / 200)
        for group in optimizer.param_groups:
            group["lr"] = args.rate * warm * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-6
        height, width, batch, _ = SHAPES[int(torch.multinomial(shares, 1, generator=shape_rng))]
        batch = max(1, batch // args.shrink)
        composites = composer.make(batch, height, width, replace=hard.replace)
        with torch.no_grad():
            taught = teacher(network_input(composites.clean).to(teacher_type))
        wanted = targets(taught, composites, priors[height, width], args)
        with torch.autocast(device.type, half, enabled=half != torch.float32):
            out = net(network_input(composites.degraded))
        parts = losses(out, wanted)
        loss = sum(w * p for w, p in zip(args.weights, parts))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        average.update(net)
        if args.hard:
            hard.keep(composites, out[1].detach())
        step, pictures = step + 1, pictures + batch
        logged += torch.stack([p.detach() for p in parts])
        if step % args.log == 0:
            seconds = time.time() - start
            face, box, points = (logged / args.log).tolist()
            logged.zero_()
            average.save(f"{args.out}/detector.pt")
            print(f"{seconds:6.1f} s step {step:6} {pictures / seconds:7.0f} pictures/s  "
                  f"face {face:.4f}  box {box:.4f}  points {points:.4f}  hard {[int(n) for n in hard.seen.values()]}",
                  flush=True)  # fmt: skip
    average.save(f"{args.out}/detector.pt")
    print(f"{step} steps, {pictures} pictures in {time.time() - start:.0f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of detector_data.npz and the teacher's ONNX")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=9.0, help="in all, preparation included")
    parser.add_argument("--steps", type=int, default=-1, help="stop after so many steps")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--resume", help="start from these weights")
    parser.add_argument("--resume-onnx", help="start from the weights of this file of detector_export")
    parser.add_argument("--photos", help="detector_photos.npz: more pictures without faces")
    parser.add_argument("--clutter", type=int, default=400, help="dead-leaves pictures in store")
    parser.add_argument("--hard", type=float, default=0.0, help="share of pictures from those the student got wrong")
    parser.add_argument("--hard-capacity", type=int, default=1500)
    parser.add_argument("--sharpen", type=float, default=1.0, help="factor on the teacher's logits at true faces")
    parser.add_argument("--background", type=float, default=0.02, help="most face probability away from faces")
    parser.add_argument("--even-faces", action="store_true", help="weigh faces alike, whatever their size")
    parser.add_argument("--all-clips", action="store_true", help="also the held-out clips (not the held-out faces)")
    parser.add_argument("--weights", type=float, nargs=3, default=(2.0, 1.0, 0.5), help="face, box, points")
    parser.add_argument("--negative-weight", type=float, default=1.0, help="of anchors away from faces")
    parser.add_argument("--lift", type=float, default=0.0, help="logits added to the teacher at true faces")
    parser.add_argument("--empty", type=float, default=0.12, help="share of pictures without pasted faces")
    parser.add_argument("--occluders", type=float, default=0.3)
    parser.add_argument("--compile", action="store_true", help="fuse the composer's pixel work")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shrink", type=int, default=1, help="divide the batches by this (for a CPU try)")
    parser.add_argument("--log", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
