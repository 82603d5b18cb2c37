"""How fast a chat reaches everyone: fan-out, measured. Lesson 10."""
