"""Reading without Slicer: read."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

from SynthPerfLib.errors import DependencyError
from SynthPerfLib.terminal import DONE

from .words import aligned, opened

if TYPE_CHECKING:
    from ..people import Person


def read(options: argparse.Namespace) -> int:
    """Serve the pages of a study until the process is stopped."""
    try:
        from ..browser import Address, serve
    except ModuleNotFoundError as error:
        raise DependencyError(f"Reading in a browser needs {error.name}: pip install 'synthperf[browser]'.") from None
    from ..people import people_of

    study = opened(options)
    people = people_of(study, options.reader)
    address = Address(options.host, options.port, options.public or "")

    def tell(origin: str, links: Mapping[Person, str]) -> None:
        if options.json:
            told = [{"name": p.name, "role": p.role.value, "link": link} for p, link in links.items()]
            print(json.dumps({"address": origin, "people": told}), flush=True)
            return
        print(f"Reading is open at {origin}. Each link works once, within 14 days:")
        print("\n".join(aligned(("who", "part", "link"), ((p.name, p.role.value, link) for p, link in links.items()))))
        print("Ctrl+C stops it; every answer is saved already.", flush=True)
        if options.open:
            import webbrowser

            link = next(iter(links.values()))
            Thread(target=webbrowser.open, args=(link,), daemon=True).start()  # some browsers return when they end

    with suppress(
        KeyboardInterrupt
    ):  # where Ctrl+C is ignored, as in the background of a shell, the server just returns
        serve(study, people, address, tell)
    print("Stopped. Sessions go on where they were left.", file=sys.stderr)
    return DONE
