"""Drawing in the planes of a video; nothing here knows of surgery but the names of what pixels show."""
