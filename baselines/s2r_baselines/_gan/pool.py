"""A pool of earlier made images, so that a discriminator does not forget what generators once did.

Shrivastava et al. 2017, as CycleGAN uses it. What is swapped is drawn from a generator that the caller makes of
(seed, step): a checkpoint has to keep the images and nothing else.
"""

import torch
from torch import Tensor


class ImagePool:
    """At most `size` images. size=0 hands back what it is given."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def swapped(self, made: Tensor, dice: torch.Generator) -> Tensor:
        """(B, C, H, W) to show the discriminator, from as many made ones.

        One by one: while the pool is not full an image is kept and returned; later, at even odds, it is returned as
        it is, or takes the place of a kept one, which is returned.
        """
        if self.size == 0:
            return made
        return torch.stack([self._one(image.detach(), dice) for image in made])

    def _one(self, image: Tensor, dice: torch.Generator) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image.clone())
            return image
        if float(torch.rand((), generator=dice)) >= 0.5:
            return image
        place = int(torch.randint(self.size, (), generator=dice))
        kept, self.images[place] = self.images[place], image.clone()
        return kept
