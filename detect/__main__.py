"""`python -m detect`: the same as the command `detect`."""

from detect.cli.main import main

if __name__ == "__main__":
    main()
