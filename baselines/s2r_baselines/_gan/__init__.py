"""Image translation of depth maps by adversarial training: what `cyclegan` and `pix2pix` share."""
