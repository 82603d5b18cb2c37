"""The exercises, one file each; the lessons' cells, the checks and their tests come from them."""
