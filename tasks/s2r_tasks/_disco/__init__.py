"""DisCo, re-implemented from the published facts: triplane autoencoder, triplane diffusion, and what feeds them."""
