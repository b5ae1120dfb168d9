"""The checks of `riffbot doctor`, a module a subject.

A check takes the settings and returns one `CheckResult`. What it raises is a failed check, too:
`riffbot.commands.doctor` turns it into a result.
"""
