"""A compact GigaGAN for depth to depth at one resolution: networks, losses and their game."""
