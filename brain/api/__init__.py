"""The HTTP API: thin routes over the use cases, and one table of errors."""
