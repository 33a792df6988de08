"""The training loop that every learned network here goes through."""
