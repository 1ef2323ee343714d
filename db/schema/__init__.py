"""Tables and views, by area. No query stands here."""
