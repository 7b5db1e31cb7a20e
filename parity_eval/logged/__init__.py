"""What logs of all vendors have in common, and what we make of it. All pure.

A reader turns each row of a vendor's export into rows of the canonical prompt log, with the help
of these modules, and `entries.read_each` turns those into log entries.
"""
