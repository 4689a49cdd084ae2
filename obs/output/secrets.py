"""Which key of which secret is a file that `stack.toml` names, where a cluster mounts it?"""

from pathlib import PurePosixPath

from obs.output.write import OutputError


def key_of(file: str, mounted: str, why: str) -> dict[str, str]:
    """Return the name and key of the secret that is mounted as ``file``; raise OutputError where it is none."""
    path = PurePosixPath(file)
    if str(path.parent.parent) != mounted:
        raise OutputError(f"{file}: {why}; take {mounted}/SECRET/KEY")
    return {"name": path.parent.name, "key": path.name}
