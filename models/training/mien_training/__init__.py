"""Training of Mien's built-in models by distillation: see ../README.md."""
