"""Kinds of formats: what the readers of several formats share, and where to begin with another one.

| the format has | start from |
| --- | --- |
| an annotation file per split, or one that states the splits of its images | `split_format`, `named_content` |
| such a file with an image, or a box, on each line | `split_format`, `line_contents` |
| such a table with a box per row | `split_format`, `box_tables` |
| an annotation file per image | `folder_format` |
| a text file per image, with an object on each line | `folder_format`, `text_annotations` |
| label files of YOLO | `label_files` |
"""
