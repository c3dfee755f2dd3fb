"""What is said and written about an operation: the narrator and the voice, keysteps and abstract."""
