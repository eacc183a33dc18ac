"""The text of a new function's files, for ``str.format``."""

IMPORTS = "from vcenter_functions import Event, on"

TYPED_IMPORTS = """\
from vcenter_functions import on
from vcenter_functions.events import {event}"""

_HANDLER = """\
\"\"\"{name}: what to do when vCenter reports {described}.\"\"\"

{imports}


@on({types})
async def {function}(event: {event}, log) -> None:
    log.info(event.message, {about})
"""

_TEST = """\
\"\"\"{name}, served as on a cluster, gets its event and accepts it.\"\"\"

from vcenter_functions.testing import Function, sample


def test_{function}_accepts_its_event(function: Function) -> None:
    outcome = function.send({sample})
    assert (outcome.status, outcome.handlers) == (204, ("{function}",)), outcome
"""

_README = """\
# {name}

A function for vCenter's events: {described}.

```console
$ pip install -r requirements.txt 'vcenter-source[simulator]' pytest
$ pytest
$ vcenter-source function run handler.py --simulate
$ vcenter-source sample {example} | vcenter-source send - --to http://127.0.0.1:8080   # meanwhile
$ vcenter-source function manifest handler.py --name {name} | kubectl apply -f -
```

`function run --simulate` starts a simulated vCenter, shows what the handler does with each event, and starts anew when
the file changes. `handler.py` has the code, `requirements.txt` the packages that it needs. No image is built, as long
as the image vcenter-source-function has these packages; otherwise `function manifest` says how to build one.
"""

_REQUIREMENTS = """\
# What handler.py imports beside the standard library.
vcenter-source[functions]
"""

FILES = {
    "handler.py": _HANDLER,
    "test_handler.py": _TEST,
    "README.md": _README,
    "requirements.txt": _REQUIREMENTS,
}
"""Each file's text by its name."""

NEXT = """\
cd {name}
pytest
vcenter-source function run handler.py --simulate
vcenter-source sample {example} | vcenter-source send - --to http://127.0.0.1:8080   # meanwhile
vcenter-source function manifest handler.py | kubectl apply -f -"""
