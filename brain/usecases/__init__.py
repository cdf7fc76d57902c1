"""What The Expert does: one verb, one file. Each reads top to bottom like its description."""
