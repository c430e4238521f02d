"""What is written about results: annotated copies, tables, COCO and YOLO files, crops."""
