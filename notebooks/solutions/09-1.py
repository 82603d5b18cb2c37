# Exercise 09-1
def a_small_log():
    return MemoryLog(kept=25)
