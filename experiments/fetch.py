"""Published files from their mirrors into the user's cache, each checked against its SHA-256 before it is kept."""

from __future__ import annotations

from pathlib import Path

MIRRORS: dict[str, tuple[str, ...]] = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
}


class FetchError(ValueError):
    """A file that no mirror gave, with the reason of the last one."""


def fetched(name: str, filename: str, sha256: str, folder: Path) -> Path:
    """Download one file of a data set to folder/name, whole or not at all.

    Raises:
        FetchError: no mirror was reached, or what it sent has another checksum.
    """
    import pooch  # here, since it is slow to import and seldom needed
    from requests import RequestException

    pooch.get_logger().setLevel("WARNING")
    reason = "there is no mirror"
    for mirror in MIRRORS[name]:
        try:
            return Path(pooch.retrieve(mirror + filename, f"sha256:{sha256}", filename, folder / name))
        except (RequestException, ValueError, OSError) as error:
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
            reason = f"{mirror} failed: {first_line[:160]}"
    raise FetchError(reason)
