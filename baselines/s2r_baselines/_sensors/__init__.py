"""What the physical sensor models share: fitting, disparity images, projectors, steps between pixels."""
