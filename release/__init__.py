"""``make release VERSION=x.y.z``: set the version, and write what is published of it into dist/.

- ``versions`` checks the version and sets it wherever it stands.
- ``manifest`` writes config/knative as one file.
- ``bill`` has cyclonedx-py write what is installed beside our code.
- ``files`` builds the wheel and the sdist, and adds the checksums.
"""
