"""``community``: beside the others, and what installations tell each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from session_buddy.cli.options import AsJson, IncludeTools, Limit
from session_buddy.cli.output import answer, message, print_json
from session_buddy.cli.settings import Settings, settings_of

if TYPE_CHECKING:
    from session_buddy.learning.community.keys import SigningKey
    from session_buddy.learning.community.publishing import Gathered

__all__ = ["app"]

_Patterns = list[str] | None


def app() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
    group.callback()(community)
    group.command("export")(export)
    group.command("import")(import_)
    group.command("forget")(forget)
    group.command("key")(key)
    return group


def community(
    context: typer.Context,
    user: Annotated[
        str | None,
        typer.Option("--user-id", metavar="HASH", help="Beside this user, by keyed hash (default: you)."),
    ] = None,
    include_tools: IncludeTools = False,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show how well skills work for many users, and how you do beside the others.

    No figure is of fewer users than the setting community_min_users, nor does one become so when you take yourself out.
    """
    if context.invoked_subcommand:
        return
    from session_buddy.cli.screens.community import community_screen
    from session_buddy.reports.community import read_community

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        report = read_community(store, limit, user_id=user, fallback=_own_id(settings), tools=include_tools)
    answer(settings, report, lambda width: community_screen(report, now=now, width=width))


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to write, whole or not at all.")],
    epsilon: Annotated[
        float | None,
        typer.Option(
            "--epsilon",
            metavar="E",
            help="Put noise into all counts: differential privacy of one user, at this ε (1, say; less hides more).",
        ),
    ] = None,
    min_users: Annotated[
        int | None,
        typer.Option(
            "--min-users",
            min=1,
            metavar="N",
            help="No skill of fewer users (default: community_min_users, least 3).",
        ),
    ] = None,
    only: Annotated[
        _Patterns, typer.Option("--only", metavar="PATTERN", help="Only skills of such names (* ?); can be repeated.")
    ] = None,
    without: Annotated[
        _Patterns, typer.Option("--without", metavar="PATTERN", help="No skills of such names; can be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would leave; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write how well skills work for your users to a file for others: sums, signed, no ids.

    An agent's built-in tools are left out, and names that look like a path or an address. See first, with --dry-run,
    which names would leave: those of your own skills may say what others need not know.
    """
    from session_buddy.cli.places import require_place
    from session_buddy.learning.community.bundle import encoded
    from session_buddy.learning.community.publishing import Choice, gather, signed

    settings = settings_of(context)
    require_place(file)
    choice = Choice(min_users=min_users, epsilon=epsilon, only=only or (), without=without or ())
    with settings.open_existing() as store:
        gathered = gather(store, choice)
    told: dict[str, object] = {"skills": [one.skill_name for one in gathered.cells], "not_fit": gathered.not_fit}
    if not dry_run:
        bundle = signed(gathered, _key(settings), now=settings.now())
        _write_whole(file, encoded(bundle))
        told = {"file": str(file), "publisher": bundle.publisher, "sequence": bundle.sequence, **told}
    if as_json:
        print_json(told | {"min_users": gathered.min_users, "too_few_users": gathered.too_few_users})
        return
    _tell(gathered, None if dry_run else file)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle of 'community export'.")],
    trust: Annotated[
        str | None,
        typer.Option(
            "--trust",
            metavar="FINGERPRINT",
            help="Needed the first time: what 'community key' shows at the publisher's, told to you by other means.",
        ),
    ] = None,
    unknown_skills: Annotated[
        bool,
        typer.Option("--unknown-skills", help="Take skills that are in no list here; refused otherwise."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take in a bundle of another installation, whole or not at all, in the place of its last one."""
    from session_buddy.formats import plural
    from session_buddy.learning.community.keys import is_signed
    from session_buddy.learning.community.sharing import take

    settings = settings_of(context)
    content = _content(file)
    with settings.open_existing() as store:
        taken = take(
            store,
            content,
            now=settings.now(),
            verify=is_signed,
            trusted=trust,
            own=_key(settings).known_fingerprint,
            unknown_skills=unknown_skills,
        )
    if as_json:
        print_json(taken)
    else:
        print(f"Took {plural(taken.skills, 'skill')} from {taken.publisher[:16]}.")


def forget(
    context: typer.Context,
    publisher: Annotated[
        str, typer.Argument(metavar="PUBLISHER", help="Its fingerprint, or the beginning; see 'community'.")
    ],
    as_json: AsJson = False,
) -> None:
    """Delete all that a publisher told, and trust it no longer."""
    from session_buddy.learning.community.sharing import find_publisher
    from session_buddy.learning.community.sharing import forget as forget_it

    with settings_of(context).open_existing() as store:
        found = find_publisher(store, publisher)
        forget_it(store, found.publisher)
    if as_json:
        print_json({"forgotten": found.publisher})
    else:
        print(f"Forgot {found.publisher[:16]}.")


def key(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the fingerprint by which others know your bundles; the key is made the first time.

    Tell it to whoever imports them by another way than you send them.
    """
    signing = _key(settings_of(context))
    fingerprint = signing.fingerprint
    if as_json:
        print_json({"fingerprint": fingerprint, "file": str(signing.path)})
        return
    print(fingerprint)
    message(f"The key is {signing.path}. Whoever has that file can speak for you.")


def _key(settings: Settings) -> SigningKey:
    from session_buddy.learning.community.keys import SigningKey

    return SigningKey(settings.data_folder)


def _own_id(settings: Settings) -> str | None:
    """Return the hash of this account; makes no key where nothing was imported yet."""
    from session_buddy.cli.sources import account_name
    from session_buddy.ingest.user import known_user_id

    return known_user_id(settings.data_folder, account_name())


def _content(file: Path) -> bytes:
    """Return what is in *file*; of one that is too large no more than shows it."""
    from session_buddy.errors import InvalidInput
    from session_buddy.learning.community.bundle import MOST_BYTES

    if file.exists() and not file.is_file():
        raise InvalidInput(str(file), "is no file.", remedy="Name a file of 'community export'.")
    with file.open("rb") as bundle:
        return bundle.read(MOST_BYTES + 1)


def _write_whole(file: Path, content: bytes) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with draft.open("xb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    except OSError as error:
        # Nobody knows the draft by its name.
        raise OSError(error.errno, error.strerror, str(file)) from error
    finally:
        draft.unlink(missing_ok=True)


def _tell(gathered: Gathered, file: Path | None) -> None:
    from session_buddy.formats import plural, printable

    for one in gathered.cells:
        print(printable(one.skill_name))
    count = plural(len(gathered.cells), "skill")
    noise = f", with noise (ε = {gathered.noise.epsilon:g})" if gathered.noise else ""
    message(f"{f'Wrote {file}' if file else 'Would write'}: {count} of at least {gathered.min_users} users{noise}.")
    if gathered.too_few_users:
        message(f"Not in it: {plural(gathered.too_few_users, 'skill')} of fewer users.")
    if gathered.not_fit:
        names = ", ".join(printable(name[:60]) for name in gathered.not_fit[:5])
        message(f"Not in it, by their names: {names}{' …' if len(gathered.not_fit) > 5 else ''}")
