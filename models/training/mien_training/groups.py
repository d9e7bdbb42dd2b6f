"""Named groups of the 478 landmarks (MediaPipe's topology)."""

import torch

LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip
EYELIDS = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
)  # fmt: skip
BROWS = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 276, 283, 282, 295, 285, 300, 293, 334, 296, 336)
CONTOUR = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
IRISES = tuple(range(468, 478))
NOSE = (1, 2, 4, 5, 6, 19, 94, 97, 98, 168, 195, 197, 326, 327)
GROUPS = {"irises": IRISES, "lips": LIPS, "eyelids": EYELIDS, "brows": BROWS, "nose": NOSE, "contour": CONTOUR}


def landmark_weights():
    """Weight of each landmark in the loss, mean 1: gaze and speech count more."""
    weights = torch.ones(478)
    weights[list(LIPS)] = 1.5
    weights[list(EYELIDS)] = 1.8
    weights[list(IRISES)] = 2.5
    return weights / weights.mean()
