"""Settings, wiring, entry points and the `expert` command: the only layer that sees everything."""
