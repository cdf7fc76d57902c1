"""The commands of `expert`, one file a theme. All but the installation's own are clients of the HTTP API."""
