"""Extensions without commands: error handler, translations, job recovery, old threads."""
