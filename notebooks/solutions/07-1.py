# Exercise 07-1
def gate_for_the_class():
    return Gate(origins=["https://class.example.org"])
