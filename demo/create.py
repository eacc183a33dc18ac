"""``python -m demo.create NAME --vcenter URL``: create a resource pool, as any user of vCenter would."""

import argparse
import sys

from demo.environment import PASSWORD, USERNAME
from demo.vsphere import Soap, VcenterError


def main(arguments: list[str] | None = None) -> int:
    """Print the new pool's reference; exit status 1 with the reason where vCenter refuses."""
    parser = argparse.ArgumentParser(prog="python -m demo.create", description="Create a resource pool")
    parser.add_argument("name", help="the new resource pool's name")
    parser.add_argument("--vcenter", required=True, metavar="URL", help="such as http://127.0.0.1:43123/sdk")
    parser.add_argument("--username", default=USERNAME, help="default: the simulator's %(default)s")
    parser.add_argument("--password", default=PASSWORD, help="default: the simulator's")
    parser.add_argument("--post", action="store_true", help="post the event of it too: vcsim, for one, posts none")
    options = parser.parse_args(arguments)
    try:
        with Soap(options.vcenter, options.username, options.password) as soap:
            pool = soap.create_resource_pool(options.name)
            if options.post:
                soap.post_created(pool, options.name)
            print(pool)
    except VcenterError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
