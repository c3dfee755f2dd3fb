"""What the lecture's editor makes of that: cards, drawings, overlays, a soiled lens, kinds of files."""
