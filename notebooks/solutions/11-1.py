# Exercise 11-1
def signs_of_life():
    return 0.5, 1.5  # seconds between two signs; seconds of silence that count as death
