"""The invented company: its runbooks, and what renders three of them."""
