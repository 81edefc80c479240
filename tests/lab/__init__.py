"""The lab: its predictions, its pages as a browser shows them, and its command."""
