"""What the task `recon` is made of: clouds, shapes, training and scoring."""
