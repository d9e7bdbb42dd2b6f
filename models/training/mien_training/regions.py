"""Face regions: the rotated squares that are cut out of a frame for the landmark model.

A region is (centre x, centre y, side, rotation) in pixels of the frame and radians. The
rotation is the angle of the line from landmark 33 to landmark 263 (the outer corners of the
eyes) against the x axis, y down. The rules are MediaPipe's: the box of the landmarks (or of
the detection), a square of 1.5 times its long side, turned about its centre.
"""

import numpy as np

REGION_SCALE = 1.5
EYE_CORNERS = (33, 263)


def region_from_landmarks(landmarks):
    """Region around `landmarks` [478, 2 or 3], given in pixels of the frame."""
    points = landmarks[:, :2]
    low, high = points.min(0), points.max(0)
    dx, dy = points[EYE_CORNERS[1]] - points[EYE_CORNERS[0]]
    centre = (low + high) / 2
    return np.array([*centre, (high - low).max() * REGION_SCALE, np.arctan2(dy, dx)], np.float32)


def region_from_detection(box, eyes):
    """Region from a detector's `box` (x0, y0, x1, y1) and the two `eyes` [2, 2]."""
    dx, dy = eyes[1] - eyes[0]
    side = max(box[2] - box[0], box[3] - box[1]) * REGION_SCALE
    centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return np.array([*centre, side, np.arctan2(dy, dx)], np.float32)


def frame_from_crop(region, size):
    """Matrix [2, 3] that takes crop pixels (pixel centres at whole numbers) to frame pixels."""
    x, y, side, angle = region
    scale = side / size
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    middle = (size - 1) / 2
    linear = np.array([[cos, -sin], [sin, cos]], np.float64)
    return np.column_stack([linear, np.array([x, y]) - linear @ [middle, middle]])


def crop(frame, region, size, border="replicate"):
    """The `size`×`size` picture of `region`, bilinear; `border` is replicate or black."""
    import cv2

    mode = cv2.BORDER_REPLICATE if border == "replicate" else cv2.BORDER_CONSTANT
    return cv2.warpAffine(
        frame,
        frame_from_crop(region, size),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=mode,
    )


def landmarks_to_frame(landmarks, region, size):
    """Landmarks [478, 3] in crop pixels to pixels of the frame; z is scaled alike."""
    matrix = frame_from_crop(region, size)
    xy = landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return np.column_stack([xy, landmarks[:, 2] * region[2] / size]).astype(np.float32)


def in_frame(points, region):
    """Landmarks [478, 3] in shares of the crop (0–1, as the networks mean them) to pixels of the frame."""
    x, y, side, angle = region
    cos, sin = np.cos(angle) * side, np.sin(angle) * side
    linear = np.array([[cos, -sin], [sin, cos]])
    xy = (points[:, :2] - 0.5) @ linear.T + (x, y)
    return np.column_stack([xy, points[:, 2] * side]).astype(np.float32)
