"""From what annotation files state to a `Dataset`: boxes in one form, ids, classes, and every problem reported."""
