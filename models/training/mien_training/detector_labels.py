"""What the student is to answer on a composite: the teacher's outputs, corrected by the composer.

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
