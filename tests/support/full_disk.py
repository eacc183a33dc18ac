"""``python -m tests.support.full_disk run``: the adapter's command on a disk that is full from the start.

No file of this process grows beyond ``SIZE`` bytes until somebody lifts the limit.
"""

import resource
import sys

SIZE = 10

if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, hard))

    from vcenter_source.cli import main

    sys.argv[0] = "vcenter_source"
    main()
