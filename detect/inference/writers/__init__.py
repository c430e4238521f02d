"""Writers of results: annotated copies, tables, COCO and YOLO files, crops."""
