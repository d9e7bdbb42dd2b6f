"""Face detector: the student network, the RetinaFace teacher, anchors and decoding.

Tensors: pictures are [N,3,H,W], BGR minus (104,117,123), H and W multiples of 32. Outputs per
anchor: `loc` [N,A,4] and `landms` [N,A,10] encoded against the anchors, a face logit [N,A].
Boxes and points are in pixels of the network's input.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

BGR_MEAN = (104.0, 117.0, 123.0)
STRIDES = (8, 16, 32)
ANCHOR_SIZES = ((10.0, 20.0), (32.0, 64.0), (128.0, 256.0))
VARIANCE_CENTRE, VARIANCE_SIZE = 0.1, 0.2
VALUES_PER_ANCHOR = 16  # 4 box, 2 class, 10 landmark values


def anchors(height, width, device="cpu"):
    """Anchors [A,4] as centre x, centre y, width, height in pixels.

    RetinaFace's prior order: levels, rows, columns, then the level's two sizes.
    """
    levels = []
    for stride, sizes in zip(STRIDES, ANCHOR_SIZES):
        y = (torch.arange(height // stride, device=device) + 0.5) * stride
        x = (torch.arange(width // stride, device=device) + 0.5) * stride
        s = torch.tensor(sizes, device=device)
        cy, cx, size = torch.meshgrid(y, x, s, indexing="ij")
        levels.append(torch.stack((cx, cy, size, size), -1).reshape(-1, 4))
    return torch.cat(levels)


def encode_boxes(boxes, priors):
    """Boxes [...,4] as x1,y1,x2,y2 to regression values against anchors [...,4]."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-3)
    return torch.cat(
        (
            (centre - priors[..., :2]) / (VARIANCE_CENTRE * priors[..., 2:]),
            torch.log(size / priors[..., 2:]) / VARIANCE_SIZE,
        ),
        -1,
    )


def decode_boxes(loc, priors):
    centre = priors[..., :2] + loc[..., :2] * VARIANCE_CENTRE * priors[..., 2:]
    size = priors[..., 2:] * torch.exp(loc[..., 2:] * VARIANCE_SIZE)
    return torch.cat((centre - size / 2, centre + size / 2), -1)


def encode_points(points, priors):
    """Points [...,5,2] to regression values [...,10]."""
    offset = points - priors[..., None, :2]
    return (offset / (VARIANCE_CENTRE * priors[..., None, 2:])).flatten(-2)


def decode_points(landms, priors):
    offset = landms.unflatten(-1, (5, 2)) * VARIANCE_CENTRE * priors[..., None, 2:]
    return priors[..., None, :2] + offset


def box_iou(a, b):
    """Intersection over union of boxes [...,n,4] and [...,m,4]: [...,n,m]."""
    low = torch.maximum(a[..., :, None, :2], b[..., None, :, :2])
    high = torch.minimum(a[..., :, None, 2:], b[..., None, :, 2:])
    inter = (high - low).clamp(min=0).prod(-1)
    area_a = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1)
    area_b = (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    return inter / (area_a[..., :, None] + area_b[..., None, :] - inter).clamp(min=1e-6)


def detections(loc, face_prob, landms, height, width, score=0.5, nms_iou=0.4):
    """Faces of one picture, best first: dict of `box` [n,4], `points` [n,5,2], `score` [n]."""
    loc, face_prob, landms = (torch.as_tensor(t).float() for t in (loc, face_prob, landms))
    priors = anchors(height, width)
    keep = torch.nonzero(face_prob >= score)[:, 0]
    keep = keep[face_prob[keep].argsort(descending=True)]
    box = decode_boxes(loc[keep], priors[keep])
    iou = box_iou(box, box)
    chosen = []
    for i in range(len(keep)):
        if all(iou[i, j] <= nms_iou for j in chosen):
            chosen.append(i)
    keep = keep[chosen]
    return {
        "box": box[chosen].numpy(),
        "points": decode_points(landms[keep], priors[keep]).numpy(),
        "score": face_prob[keep].numpy(),
    }


class ConvBlock(nn.Module):
    """Convolution with batch normalisation, optional residual, ReLU."""

    def __init__(self, c_in, c_out, kernel=3, stride=1, pad=None, residual=False, relu=True):
        super().__init__()
        pad = kernel // 2 if pad is None else pad
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, pad, bias=False)
        self.bn = nn.BatchNorm2d(c_out)
        self.residual, self.relu = residual, relu

    def forward(self, x):
        y = self.bn(self.conv(x))
        if self.residual:
            y = y + x
        return F.relu(y) if self.relu else y

    def folded(self):
        """Weights and biases as float32 arrays with the normalisation folded in."""
        scale = self.bn.weight / torch.sqrt(self.bn.running_var + self.bn.eps)
        weight = self.conv.weight * scale[:, None, None, None]
        bias = self.bn.bias - self.bn.running_mean * scale
        return weight.detach().float().numpy(), bias.detach().float().numpy()


class Student(nn.Module):
    """Stride-4 stem, three stages of dense 3×3 convolutions, top-down sums, one head a level.

    Dense convolutions at moderate widths are what the CPU engine does best: its depthwise
    kernels reach a fraction of its matrix-multiplication rate.
    """

    def __init__(self, stem=24, widths=(40, 64, 96), depths=(2, 2, 2), pyramid=40):
        super().__init__()
        self.stem = ConvBlock(3, stem, 6, 4, 1)
        stages, c_in = [], stem
        for width, depth in zip(widths, depths):
            blocks = [ConvBlock(c_in, width, 3, 2)]
            blocks += [ConvBlock(width, width, residual=True) for _ in range(depth)]
            stages.append(nn.Sequential(*blocks))
            c_in = width
        self.stages = nn.ModuleList(stages)
        self.lateral = nn.ModuleList(ConvBlock(w, pyramid, 1, relu=False) for w in widths)
        self.merge = nn.ModuleList(ConvBlock(pyramid, pyramid) for _ in widths)
        # per anchor: 4 box values, 1 face logit, 10 landmark values
        self.head = nn.ModuleList(nn.Conv2d(pyramid, 2 * 15, 1) for _ in widths)
        for head in self.head:
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
            head.bias.data[4::15] = -4.0

    def forward(self, picture):
        """Returns loc [N,A,4], face logit [N,A], landms [N,A,10]."""
        x = self.stem(picture / 64.0)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        levels, top = [], None
        for i in (2, 1, 0):
            lateral = self.lateral[i](features[i])
            if top is not None:
                lateral = lateral + F.interpolate(top, scale_factor=2, mode="nearest")
            top = lateral
            merged = self.merge[i](F.relu(top))
            with torch.autocast(merged.device.type, enabled=False):  # boxes need full precision
                out = self.head[i](merged.float())
            levels.append(out.permute(0, 2, 3, 1).reshape(out.shape[0], -1, 15))
        out = torch.cat(levels[::-1], 1)
        return out[..., :4], out[..., 4], out[..., 5:]

    @classmethod
    def load(cls, path):
        """The student whose weights a file holds, with as many blocks a stage as they are for."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        depths = []
        while f"stages.{len(depths)}.0.conv.weight" in state:
            stage = f"stages.{len(depths)}."
            depths.append(sum(k.startswith(stage) and k.endswith("conv.weight") for k in state) - 1)
        net = cls(depths=depths)
        net.load_state_dict(state)
        return net

    def grown(self, depths):
        """The same network with more blocks a stage; the new ones pass their input on at first."""
        net = Student(depths=depths)
        kept = self.state_dict()
        new = {k: v for k, v in net.state_dict().items() if k not in kept}
        zero = {k: torch.zeros_like(v) for k, v in new.items() if k.endswith("bn.weight")}
        net.load_state_dict(kept | new | zero)
        return net


class Teacher(nn.Module):
    """Runs a RetinaFace ONNX file in torch at any input size (multiples of 32).

    Only the operators of that file are known: Conv, Relu, Add, Concat, nearest ×2 Resize,
    Transpose, Reshape to [N,-1,k], Softmax and Identity.
    """

    def __init__(self, path):
        super().__init__()
        import onnx
        from onnx import numpy_helper

        model = onnx.load(path)
        self.steps, self.tensors = [], {}
        init = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        for node in model.graph.node:
            attrs = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            inputs = [i for i in node.input]
            if node.op_type == "Conv":
                for name in inputs[1:]:
                    key = "t_" + name.replace(".", "_")
                    if key not in self._buffers:
                        self.register_buffer(key, torch.from_numpy(init[name].copy()))
                    self.tensors[name] = key
            if node.op_type == "Identity" and node.input[0] in init:
                init[node.output[0]] = init[node.input[0]]
                continue
            if node.op_type == "Reshape":
                attrs["last"] = int(init[inputs[1]][-1])
            self.steps.append((node.op_type, inputs, node.output[0], attrs))

    def forward(self, picture):
        """Returns loc [N,A,4], face probability [N,A], landms [N,A,10]."""
        values = {"input": picture}
        for op, inputs, output, attrs in self.steps:
            values[output] = self.run_node(op, inputs, attrs, values)
        return values["loc"], values["conf"][..., 1], values["landms"]

    def run_node(self, op, inputs, attrs, values):
        x = values[inputs[0]]
        if op == "Conv":
            weight, *bias = (getattr(self, self.tensors[n]) for n in inputs[1:])
            pads = attrs.get("pads", [0, 0, 0, 0])
            return F.conv2d(
                x, weight, *(bias or [None]), attrs.get("strides", [1, 1]), pads[:2],
                groups=attrs.get("group", 1),
            )
        if op == "Relu":
            return F.relu(x)
        if op == "Add":
            return x + values[inputs[1]]
        if op == "Concat":
            return torch.cat([values[i] for i in inputs], attrs["axis"])
        if op == "Resize":
            return F.interpolate(x, scale_factor=2, mode="nearest")
        if op == "Transpose":
            return x.permute(attrs["perm"])
        if op == "Reshape":
            return x.reshape(x.shape[0], -1, attrs["last"])
        if op == "Softmax":
            return torch.softmax(x.float(), attrs["axis"])
        if op == "Identity":
            return x
        raise ValueError(f"teacher uses operator {op}, which this reader does not know")


def to_network_input(bgr_u8):
    """Pictures [N,H,W,3] or [H,W,3] uint8 BGR to float32 [N,3,H,W] minus the mean."""
    array = np.asarray(bgr_u8)
    if array.ndim == 3:
        array = array[None]
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2), np.float32) - np.array(
        BGR_MEAN, np.float32
    ).reshape(1, 3, 1, 1)
