"""What the task `classify` is made of: data and episodes, two learners, and the steps from an arm to its scores."""
