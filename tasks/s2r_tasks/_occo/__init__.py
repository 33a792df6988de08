"""OcCo and DGCNN, re-implemented from the published facts: encoders, completion, heads, and how weights move on."""
