"""`python -m airgap`."""

from airgap.cli.app import main

if __name__ == "__main__":
    main()
