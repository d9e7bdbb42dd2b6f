//! Sources of frames behind one trait: video files, images, cameras, the synthetic camera.
