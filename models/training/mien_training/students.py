"""The landmark and blendshape students. Plain operators only: they run on any engine."""

import torch
from torch import nn

LANDMARKS = 478
COEFFICIENTS = 52
BLENDSHAPE_POINTS = 146


def conv(channels_in, channels, kernel=3, stride=1, relu=True):
    layers = [nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(channels)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels), conv(channels, channels, relu=False))

    def forward(self, x):
        return torch.relu(x + self.body(x))


class LandmarkStudent(nn.Module):
    """Pictures [n, 3, size, size] in 0–1 to landmarks [n, 1434] in pixels and presence [n, 1].

    Dense 3×3 convolutions at few channels: on the CPU engine they run at several times the
    arithmetic rate of depthwise ones. The narrow last layer keeps its 6×6 grid for the regression.
    """

    STAGES = ((24, 1), (48, 2), (96, 3), (128, 2))  # channels and residual blocks at 1/4 … 1/32

    def __init__(self, size=192, stem=16, tail=40, hidden=208, stages=STAGES):
        super().__init__()
        self.size, self.stages = size, stages
        layers, channels = [conv(3, stem, stride=2)], stem
        for width, blocks in stages:
            layers += [conv(channels, width, stride=2), *(Residual(width) for _ in range(blocks))]
            channels = width
        layers.append(conv(channels, tail, kernel=1))
        self.body = nn.Sequential(*layers)
        self.features = nn.Linear(tail * (size // 32) ** 2, hidden)
        self.landmarks = nn.Linear(hidden, LANDMARKS * 3)
        self.presence = nn.Linear(hidden, 1)

    def start_at(self, mean_landmarks):
        """Starts the regression at `mean_landmarks` [478, 3], in crops of side 1 (0–1)."""
        with torch.no_grad():
            self.landmarks.weight.mul_(0.1)
            self.landmarks.bias.copy_(mean_landmarks.reshape(-1))

    def forward(self, pictures):
        return self.answers(self.body(pictures * 2 - 1))

    def answers(self, seen):
        """From what the body sees. In training in full precision: bfloat16 has steps of half a pixel at 128."""
        features = torch.relu(self.features(seen.flatten(1)))
        return self.landmarks(features) * self.size, self.presence(features)


LANDMARK_STUDENTS = {"base": {}, "grown": {"hidden": 288, "stages": ((24, 1), (48, 2), (96, 4), (128, 2))}}


class BlendshapeStudent(nn.Module):
    """Points [n, 146, 2] in pixels of any frame to coefficients [n, 52] in 0–1.

    As in the teacher, the points are taken relative to their mean and divided by their mean
    distance from it; then a residual perceptron.
    """

    def __init__(self, width=224, blocks=2):
        super().__init__()
        self.first = nn.Linear(BLENDSHAPE_POINTS * 2, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)) for _ in range(blocks)
        )
        self.last = nn.Linear(width, COEFFICIENTS)

    def forward(self, points):
        free = points - points.mean(1, keepdim=True)
        distance = (free * free).sum(2, keepdim=True).sqrt().mean(1, keepdim=True)
        x = torch.relu(self.first((free / (distance + 1e-6)).flatten(1)))
        for block in self.blocks:
            x = torch.relu(x + block(x))
        return torch.sigmoid(self.last(x))


def parameters(model):
    return sum(p.numel() for p in model.parameters())
