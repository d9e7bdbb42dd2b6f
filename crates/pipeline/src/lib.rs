//! From a frame to tracked faces: detection, landmarks, blendshapes, head pose.
