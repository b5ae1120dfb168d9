"""One queue, one worker thread, one model."""
