"""Writes a student as ONNX (opset 17, float32, dynamic batch) and compares it with PyTorch.

python -m mien_training.export landmarks run/final.average.pt ../../landmarks.onnx
python -m mien_training.export blendshapes run/blendshapes.pt ../../blendshapes.onnx
"""

import argparse

import numpy as np
import onnx
import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .landmarks_import import from_checkpoint
from .students import BLENDSHAPE_POINTS, BlendshapeStudent, parameters

OPSET = 17


def folded(student):
    """The landmark student with batch statistics, input and output scaling folded into weights."""

    def fold(module):
        for child in module.children():
            if isinstance(child, torch.nn.Sequential) and len(child) >= 2 and isinstance(child[1], torch.nn.BatchNorm2d):
                child[0], child[1] = fuse_conv_bn_eval(child[0], child[1]), torch.nn.Identity()
            fold(child)

    fold(student)
    with torch.no_grad():
        student.landmarks.weight.mul_(student.size)
        student.landmarks.bias.mul_(student.size)
    return student


class Folded(torch.nn.Module):
    """Forward pass of a folded landmark student: convolutions and matrix products only.

    The shift of the picture to −1…1 stays an operator of its own, since the zero padding of the
    first convolution stands for mid grey.
    """

    def __init__(self, student):
        super().__init__()
        self.student = folded(student)

    def forward(self, pictures):
        s = self.student
        features = torch.relu(s.features(s.body(pictures * 2 - 1).flatten(1)))
        return s.landmarks(features), s.presence(features)


def load_landmarks(path):
    return from_checkpoint(path, "cpu").eval()


def export(model, example, path, inputs, outputs):
    dynamic = {name: {0: "N"} for name in (*inputs, *outputs)}
    torch.onnx.export(model, example, path, opset_version=OPSET, dynamo=False, input_names=inputs,
                      output_names=outputs, dynamic_axes=dynamic)
    onnx.checker.check_model(path, full_check=True)


def compare(reference, path, example):
    """Largest difference between PyTorch and onnxruntime, per output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    with torch.no_grad():
        expected = reference(example)
    expected = expected if isinstance(expected, tuple) else (expected,)
    found = session.run(None, {session.get_inputs()[0].name: example.numpy()})
    for output, want, have in zip(session.get_outputs(), expected, found):
        print(f"{output.name} {list(have.shape)}: largest difference {np.abs(want.numpy() - have).max():.2e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("landmarks", "blendshapes"))
    parser.add_argument("checkpoint")
    parser.add_argument("onnx")
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.what == "landmarks":
        reference = load_landmarks(options.checkpoint)
        example = torch.rand(3, 3, reference.size, reference.size)
        model = Folded(load_landmarks(options.checkpoint)).eval()
        export(model, example[:1], options.onnx, ["image"], ["landmarks", "presence"])
    else:
        reference = BlendshapeStudent().eval()
        reference.load_state_dict(torch.load(options.checkpoint, map_location="cpu")["model"])
        example = torch.rand(3, BLENDSHAPE_POINTS, 2) * 300
        export(reference, example[:1], options.onnx, ["points"], ["coefficients"])
    print(f"{parameters(reference)} weights")
    compare(reference, options.onnx, example)


if __name__ == "__main__":
    main()
