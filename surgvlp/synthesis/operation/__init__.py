"""What happens: the types of operation, their actions, and one operation as a timeline."""
