"""The networks, one file each: its name is the network's name in recipes and catalogues, its ROW says all of it."""
