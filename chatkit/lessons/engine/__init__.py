"""What runs an exercise: its file, the trial of an answer, and the words of a verdict."""
