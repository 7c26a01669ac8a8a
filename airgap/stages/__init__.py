"""The journey, one use case a file. Stages hand over files and values, and do not import each other."""
