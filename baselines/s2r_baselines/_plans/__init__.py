"""What the simulators would train and store, for plans. No simulator imports any of it."""
