"""Which tenant tables a statement touches, and what keeps each of them to one tenant."""
