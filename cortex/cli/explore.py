"""The command `cortex explore`: a circuit with sliders, in the browser."""

from __future__ import annotations

import importlib.util
import socket
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from cortex.cli.shared import Precision, computing
from cortex.errors import UserError


def explore(
    scene: Annotated[
        str,
        typer.Argument(help="ring, sheet, or a TOML file that the page gave.", show_default=False),
    ] = "ring",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Of the page.")] = 8080,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
) -> None:
    """Play with a circuit in the browser.

    Its contrast, attention and weights have sliders.

    Needs the extra: pip install -e '.[explore]'
    """
    if importlib.util.find_spec("nicegui") is None:
        raise UserError("cortex explore needs NiceGUI: pip install -e '.[explore]'")
    from cortex.explore import scene_from

    asked = scene_from({"network": scene} if not scene.endswith(".toml") else _read(Path(scene)))
    _free(host, port)
    with computing(None, Precision.single):
        from cortex.explore.page import serve

        typer.echo(f"http://{host}:{port} (Ctrl-C ends it)")
        serve(asked, host, port, browser)


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{path}: cannot be read ({reason})") from None
    except ValueError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None


def _free(host: str, port: int) -> None:
    """Refuse a port that another program listens on, before anything is loaded."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UserError(f"--host {host} --port {port}: cannot be used ({reason})") from None
