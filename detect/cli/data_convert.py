"""`detect data convert`."""

from detect.cli.data_check import Source
from detect.cli.data_writing import Copies, Folder, MaxLost, To, read_dataset, write_dataset
from detect.data.tolerance import MAX_LOST


def convert(data: Source, folder: Folder, to: To, copies: Copies = False, max_lost: MaxLost = MAX_LOST) -> None:
    """Write a dataset in another format, and say what that format cannot hold."""
    write_dataset(read_dataset(data, to, folder), to, folder, copies, max_lost)
