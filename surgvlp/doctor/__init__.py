"""Is this machine fit? Every check says what was found and what to do; it survives what it checks."""
