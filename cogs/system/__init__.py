"""Extensions without commands: errors, languages, recovery after a restart, old threads."""
