"""Parts of the leaderboard: the form of an entry, its making, its checking, standings and the page."""
