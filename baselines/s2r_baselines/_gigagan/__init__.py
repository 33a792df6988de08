"""A compact GigaGAN for depth to depth at one resolution: networks, losses, and the loop of its two optimisers."""
