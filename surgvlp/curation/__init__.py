"""What is found out about lectures before anything is trained on them: nearest neighbours."""
