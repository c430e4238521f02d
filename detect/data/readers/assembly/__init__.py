"""Make a `Dataset` of the content of annotation files: boxes in one form, ids, classes, and every problem reported."""
