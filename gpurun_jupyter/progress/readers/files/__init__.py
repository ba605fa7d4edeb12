"""Readers of files that loggers write while a training goes on: a file each, chosen by `formats.reader_for`.

None of them opens a file: they are fed what somebody else has read, and say what was logged.
"""
