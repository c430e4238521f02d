"""Image files to arrays, and arrays to other sizes and colours."""
