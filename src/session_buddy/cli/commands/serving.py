"""``serve`` and ``exporter``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from session_buddy.cli.options import User
from session_buddy.cli.output import message
from session_buddy.cli.settings import Settings, settings_of

if TYPE_CHECKING:
    from session_buddy.server.doors import Door
    from session_buddy.server.security import Access

__all__ = [
    "AllowedHosts",
    "Host",
    "MaxSkills",
    "Port",
    "exporter",
    "open_browser",
    "run_server",
    "serve",
    "tell_address",
]

Host = Annotated[
    str,
    typer.Option(
        "--host", metavar="ADDRESS", help="Listen there; anything but this machine's own loopback needs a token."
    ),
]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65_535, metavar="N", help="Listen there; 0 takes any that is free.")
]
AllowedHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host",
        metavar="NAME",
        help="A name under which people reach it beside localhost, as behind a proxy; can be repeated. Needs a token.",
    ),
]


MaxSkills = Annotated[
    int | None,
    typer.Option(
        "--max-skills",
        min=1,
        metavar="N",
        help="So many skills have names in the metrics, the others are one (default: the setting metrics_max_skills).",
    ),
]
GithubSecret = Annotated[
    str | None,
    typer.Option(
        "--github-secret",
        metavar="SECRET",
        envvar="SESSION_BUDDY_GITHUB_SECRET",
        help="Believe webhooks of GitHub that are signed with this. Others can see options: better in the environment.",
    ),
]
GitlabToken = Annotated[
    str | None,
    typer.Option(
        "--gitlab-token",
        metavar="TOKEN",
        envvar="SESSION_BUDDY_GITLAB_TOKEN",
        help="Believe webhooks of GitLab that bear this; likewise.",
    ),
]


def serve(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8765,
    allowed_hosts: AllowedHosts = None,
    max_skills: MaxSkills = None,
    github_secret: GithubSecret = None,
    gitlab_token: GitlabToken = None,
    user: User = None,
) -> None:
    """Serve the dashboard, the API and the live feed.

    Transcripts are imported as they grow. Ends at Ctrl-C or SIGTERM; nothing that was acknowledged is lost.
    """
    run_server(
        settings_of(context),
        host,
        port,
        account=user,
        on_ready=tell_address,
        allowed_hosts=allowed_hosts or (),
        max_skills=max_skills,
        ci_secrets=(github_secret, gitlab_token),
    )


def exporter(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 9817,
    allowed_hosts: AllowedHosts = None,
    max_skills: MaxSkills = None,
) -> None:
    """Serve the metrics alone, for Prometheus, where no server runs.

    What 'serve' has at /metrics as well.
    """
    from session_buddy.reports.settings import read_max_skills
    from session_buddy.server.doors import Door
    from session_buddy.server.exporting import run_exporter

    settings, door = settings_of(context), Door(host, port)
    access = _access(settings, door, allowed_hosts or ())
    with settings.open_existing() as store:
        run_exporter(
            store,
            host,
            port,
            access=access,
            max_skills=max_skills or read_max_skills(store),
            on_ready=lambda address: message(f"Metrics at {address}/metrics"),
        )


def run_server(
    settings: Settings,
    host: str,
    port: int,
    *,
    account: str | None,
    on_ready: Callable[[str], None],
    allowed_hosts: Sequence[str] = (),
    max_skills: int | None = None,
    ci_secrets: tuple[str | None, str | None] = (None, None),
) -> None:
    """Serve the store of *settings* until told to stop; the transcripts are those of *account*.

    *ci_secrets* are those of GitHub and GitLab, by which their webhooks are believed.
    """
    from session_buddy.cli.hearing import heard_hooks
    from session_buddy.cli.sources import followed_transcripts, local_user, shell_rules
    from session_buddy.reports.settings import read_max_skills
    from session_buddy.server import serving
    from session_buddy.server.alarming import alerts_folder, anomaly_chores
    from session_buddy.server.doors import Door
    from session_buddy.server.site import CiSecrets

    door = Door(host, port)
    access = _access(settings, door, allowed_hosts)
    spool_folder = serving.spool_folder_for(settings.store_url, settings.data_folder)
    with settings.open_store() as store:
        serving.serve(
            store,
            door,
            access=access,
            spool_folder=spool_folder,
            clock=settings.now,
            user_id=local_user(settings, account),
            rules=lambda: shell_rules(settings),
            transcripts=followed_transcripts(store, settings, account=account),
            hooks=heard_hooks(store, settings, account=account),
            ci=CiSecrets(github=ci_secrets[0] or None, gitlab=ci_secrets[1] or None),
            chores=anomaly_chores(store, settings.now, alerts_folder(spool_folder)),
            max_skills=max_skills or read_max_skills(store),
            on_ready=on_ready,
        )


def open_browser(address: str) -> None:
    """Say where the server is, and show it in a browser where there is a screen."""
    tell_address(address)
    has_screen = sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_screen:
        import threading
        import webbrowser

        # Some browsers keep their caller waiting.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def tell_address(address: str) -> None:
    """Say where the server is."""
    message(f"Session-Buddy is at {address} (Ctrl-C ends it)")


def _access(settings: Settings, door: Door, allowed_hosts: Sequence[str]) -> Access:
    from session_buddy.cli.commands.tokens import token_file
    from session_buddy.server.doors import access_for

    return access_for(token_file(settings), door, clock=settings.now, allowed_hosts=allowed_hosts)
