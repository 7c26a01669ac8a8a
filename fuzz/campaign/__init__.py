"""The campaign: accepted and refused cases, changed by the hundred thousand, of which none may gain a PASS.

See README.md one folder up for the laws and their exceptions.
"""
