"""What there is to see: where the organs of one lecture lie, and how they are painted."""
