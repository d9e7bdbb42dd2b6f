"""What the student is to answer on a composite: the composer's truth, or the teacher's outputs, corrected.

Targets per anchor: face probability, its weight, box and landmark values, their weight.
"""

import math

import torch

from . import detector_model as model

VISIBLE_ENOUGH = 0.6
SMALLEST_FACE = 13.0
EVEN_MASS = 4.0
HIDDEN = 0.15  # a face of which less shows counts as background where the teacher sees none
UNSURE = 0.95  # the student's misses are mostly faces to which the teacher gives less
SURE_LOGIT = math.log(0.97 / 0.03)


SHOWN, BARELY_SHOWN = 0.45, 0.1  # of a face: more is one, less is background, between them nothing is said
POSITIVE_IOU, NEGATIVE_IOU = 0.35, 0.2
LARGEST_MATCH = 300.0  # larger faces are matched as if they were this large: the largest anchor has 256 pixels


@torch.no_grad()
def true_targets(composites, priors, args):
    """Targets of a batch from the composer's geometry alone.

    Whose oval shows by `SHOWN` and is sharp enough is a face, whatever its turn: the anchors that
    overlap it by `POSITIVE_IOU`, the best one at least. Faces that show less, are blurred away or of
    which the teachers were not sure are left open. Everything else is background.
    """
    box, visible = composites.box, composites.visible
    size = (box[..., 2:] - box[..., :2]).clamp(min=1e-3)
    middle = (box[..., :2] + box[..., 2:]) / 2
    half = size / 2 * (LARGEST_MATCH / size.amax(-1, keepdim=True)).clamp(max=1)
    corners = torch.cat((priors[:, :2] - priors[:, 2:] / 2, priors[:, :2] + priors[:, 2:] / 2), 1)
    iou = model.box_iou(corners[None], torch.cat((middle - half, middle + half), -1))  # [B,A,K]
    is_face = (visible > SHOWN) & composites.sharp & (size.mean(-1) > args.smallest)
    open_face = (visible > BARELY_SHOWN) & ~is_face
    iou = iou * (is_face | open_face)[:, None]
    near, which = iou.max(2)
    best = iou.amax(1, keepdim=True)
    own_best = ((iou >= best - 1e-4) & is_face[:, None] & (best > 0.1)).any(2)
    mine = is_face.gather(1, which)
    positive = ((near >= POSITIVE_IOU) | own_best) & mine
    background = near < NEGATIVE_IOU
    target = positive.float()
    weight = torch.where(positive, 1.0, torch.where(background & ~positive, args.negative_weight, 0.0))
    # a face between two anchor sizes, or a small one, has few anchors
    mass = target.new_zeros((len(target), box.shape[1])).scatter_add_(1, which, target)
    share = (EVEN_MASS / mass.clamp(min=1)).sqrt().clamp(0.5, 2.0).gather(1, which)
    weight = torch.where(positive, weight * share, weight)

    def of_face(values):
        shape = which.shape + values.shape[2:]
        index = which.reshape(*which.shape, *[1] * (values.dim() - 2)).expand(shape)
        return values.gather(1, index)

    loc = model.encode_boxes(of_face(box), priors)
    landms = model.encode_points(of_face(composites.points), priors)
    return target, weight, loc, landms, target * share


def even_shares(near, which, target, faces):
    """[B,A]: more for faces whose anchors have little certainty in all, less for those with much."""
    mass = target.new_zeros((len(target), faces)).scatter_add_(1, which, target * (near > 0.35))
    return (EVEN_MASS / mass.clamp(min=1e-3)).sqrt().clamp(0.5, 2.5).gather(1, which)


def anchors_of(faces, iou):
    """[B,A]: the anchors that fit the chosen faces [B,K] well, the best one of each at least."""
    best = iou.amax(1, keepdim=True).clamp(min=0.3)
    matched = (iou >= 0.5) | (iou >= best - 1e-4)
    return (matched & faces[:, None]).any(2)


def soft_faces(prob, near, which, iou, findable, args):
    """The teacher's own probabilities as target; a face where it misses a visible one."""
    close = torch.where(iou > 0.35, prob[..., None], 0.0)
    missed = findable & (close.amax(1) < 0.5)
    lifted = anchors_of(missed, iou)
    around_missed = ((iou > 0.2) & missed[:, None]).any(2) & ~lifted
    raised = torch.sigmoid(torch.logit(prob, 1e-6) * args.sharpen + args.lift)
    target = torch.where(
        near < 0.15, prob.clamp(max=args.background), torch.where(near > 0.35, raised, prob)
    )
    target = torch.where(lifted, target.clamp(min=0.85), target)
    weight = torch.where(around_missed, 0.0, torch.where(near < 0.15, args.negative_weight, 1.0))
    return target, weight, lifted


def decided_faces(prob, near, which, iou, findable, visible, args):
    """Yes or no for each true face, since what counts is on which side of 0.5 the student is.

    A face to which the teacher gives `args.decide` at one of its anchors at least is a face: its
    anchors' logits are raised alike until the best is sure. One that the teacher does not see but
    that shows well is one, too, at `args.found_weight`. Other partly hidden ones teach nothing.
    Those of which the teacher is not sure weigh `args.unsure_weight`.
    """
    own = near > 0.15
    best = torch.zeros_like(visible).scatter_reduce_(1, which, prob * own, "amax")
    sure = best >= args.decide
    best_logit = torch.logit(best, 1e-6) * args.sharpen
    lift = torch.where(sure, (SURE_LOGIT - best_logit).clamp(min=0), 0.0)
    raised = torch.sigmoid(torch.logit(prob, 1e-6) * args.sharpen + lift.gather(1, which))
    missed = findable & ~sure
    lifted = anchors_of(missed, iou)
    target = torch.where(own, raised, prob.clamp(max=args.background))
    target = torch.where(lifted, 0.95, target)
    of_face = torch.where(sure, torch.where(best < UNSURE, args.unsure_weight, 1.0), 0.0)
    of_face = torch.where(~sure & (visible < HIDDEN), 0.3, of_face).gather(1, which)
    weight = torch.where(near > 0.35, of_face, 0.5 * of_face)
    weight = torch.where(own, weight, args.negative_weight)
    return target, torch.where(lifted, args.found_weight, weight), lifted


@torch.no_grad()
def targets(teacher_out, composites, priors, args):
    """Targets of a batch from the teacher's outputs on the clean pictures.

    Away from every true face there is none, whatever the teacher says. With `args.decide` faces
    are decided (`decided_faces`), otherwise the teacher's logits × `args.sharpen` + `args.lift`
    are the target. With `args.even_faces` a face with few anchors weighs more, one with many less.
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
    if args.decide:
        target, weight, lifted = decided_faces(prob, near, which, iou, findable, visible, args)
    else:
        target, weight, lifted = soft_faces(prob, near, which, iou, findable, args)
    if args.even_faces:
        weight = torch.where(near > 0.35, weight * even_shares(near, which, target, box.shape[1]), weight)

    def of_face(values):
        shape = which.shape + values.shape[2:]
        index = which.reshape(*which.shape, *[1] * (values.dim() - 2)).expand(shape)
        return values.gather(1, index)

    true_loc = model.encode_boxes(of_face(box), priors)
    true_landms = model.encode_points(of_face(composites.points), priors)
    teach = (prob > args.shape_from) & (near >= 0.15)
    certain = torch.maximum(prob, target * (weight > 0)) if args.decide else prob
    shape_weight = torch.where(teach, certain, torch.where(lifted, 0.5, 0.0))
    loc = torch.where(teach[..., None], loc, true_loc)
    landms = torch.where(teach[..., None], landms, true_landms)
    return target, weight, loc, landms, shape_weight
