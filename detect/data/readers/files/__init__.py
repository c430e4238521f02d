"""List folders, and read text, JSON and tables as tools write them."""
