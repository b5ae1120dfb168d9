"""`riffbot bench`: one module a benchmark, each beside what people would use instead."""
