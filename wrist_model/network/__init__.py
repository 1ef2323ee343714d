"""Networks: how each is built, cut into a frozen and a free part, saved and read."""
