"""What the tasks would train and store, for plans. No task imports any of it."""
