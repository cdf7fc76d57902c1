"""What the build checks that no library checks for us."""
