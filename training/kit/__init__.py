"""The kit: everything that a bare CUDA machine without network needs to train (training/GPU.md)."""
