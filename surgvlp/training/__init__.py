"""One training loop for every objective: schedules, distribution, checkpoints, logging."""
