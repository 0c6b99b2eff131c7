"""A workshop in the room: forms that people fill in, the wall that shows the room its numbers, and their store."""
