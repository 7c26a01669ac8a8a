"""The use cases, one in each file. Stages hand over files and values, and do not import each other."""
