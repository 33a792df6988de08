"""Parts of the task `segment`: blocks to learn from, training of a fold, labels of whole rooms, and their figures."""
