"""From the objects of single frames to objects with identities, and counts of them."""
