"""Heat maps, and checks that they show what the network looked at."""
