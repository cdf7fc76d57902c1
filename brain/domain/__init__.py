"""The words of The Expert and its pure rules; imports nothing of the rest."""
