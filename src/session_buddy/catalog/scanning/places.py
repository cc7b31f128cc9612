"""Where Claude Code keeps skills, commands, subagents, plugins and the names of servers, and where others do.

Reads manifests, and whether folders are there; what is in the places is for :mod:`.scan` to read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from session_buddy.catalog.scanning.agents import managed_places, places_of_project, places_of_user
from session_buddy.catalog.scanning.manifests import (
    Installed,
    Market,
    MarketEntry,
    Plugin,
    Switches,
    decoded,
    listed,
)
from session_buddy.catalog.scanning.nested import MOST_FOLDERS, nested_folders
from session_buddy.catalog.scanning.sources import BUILT_IN, Look, Origin, Place, look_of
from session_buddy.errors import InvalidInput
from session_buddy.importers.shell.rules import rules_file

__all__ = ["Places", "default_places", "named_places", "rule_places"]

_MANIFEST = ".claude-plugin"
_LARGEST = 4 << 20
_READABLE = (".json", ".md", ".toml")
_MOST_SEARCHED = 10_000
"""Folders of all projects together, those of the latest sessions first: a scan shall stay a matter of a second."""


class Places(msgspec.Struct, frozen=True):
    """Where to look, the first place of a file counts; and below which paths all that is not found is gone."""

    places: list[Place]
    whole: list[str]
    projects: list[str] = []
    """Projects that were searched for folders with skills of their own: what is no file there any more is gone."""


def default_places(
    folders: Sequence[Path],
    home: Path,
    projects: Iterable[Path],
    rules: Sequence[Place],
    *,
    platform: str | None = None,
) -> Places:
    """Return the places of Claude Code's own *folders* (``~/.claude``) and of *projects*, with those of *rules*.

    Those of other agents are among them, and of an organisation where a *platform* is given (``sys.platform``).
    """
    places: list[Place] = managed_places(platform) if platform else []
    for folder in folders:
        places += _own(folder, Origin.USER)
        places.append(Place(str(folder / ".claude.json"), Look.LISTING, Origin.MCP))
    places.append(Place(str(home / ".claude.json"), Look.LISTING, Origin.MCP))
    places += places_of_user(home)
    loaded = [list(_loaded_from(project, home)) for project in projects]
    for root in dict.fromkeys(root for roots in loaded for root in roots):
        places += _own(root / ".claude", Origin.PROJECT)
        places += places_of_project(root)
        places.append(Place(str(root / ".mcp.json"), Look.LISTING, Origin.MCP))
    inner, searched = _inner([roots[-1] for roots in loaded if roots], home)
    places += inner
    for folder in folders:
        places += _plugins(folder)
    places += rules
    return Places(list(dict.fromkeys(places)), [f"{folder}{os.sep}" for folder in folders], searched)


def rule_places(own: Path) -> list[Place]:
    """Return the places of shell rules: the user's *own* file, which need not be there, and those of the program."""
    places = [Place(str(own), Look.RULES, Origin.SHELL)]
    packaged = rules_file()
    if isinstance(packaged, Path):
        # Out of an archive there is nothing to look at.
        places.append(Place(str(packaged), Look.RULES, Origin.SHELL, called=BUILT_IN))
    return places


def named_places(paths: Sequence[Path], among: Places) -> Places:
    """Return the places of *paths* that somebody names; those *among* the default ones are what they always are.

    Whichever way somebody names it, by links or by ``..``, a file has one path. Raises :class:`InvalidInput` for a file
    of another format than those that are read.
    """
    usual = [(_resolved(Path(one.path)), one) for one in among.places]
    places: list[Place] = []
    for named in paths:
        text = _resolved(named)
        inside = [(at, one) for at, one in usual if at == text or at.startswith(text.rstrip(os.sep) + os.sep)]
        places += [one for _, one in inside]
        if any(at == text for at, _ in inside):
            continue
        # What lies below a default place is called as a look at that calls it.
        text = next((one.path + text[len(at) :] for at, one in usual if text.startswith(at + os.sep)), text)
        path = Path(text)
        if path.is_file() and path.suffix not in _READABLE:
            raise InvalidInput(
                str(named),
                "is no file that skills are written down in.",
                remedy="Name a folder, a Markdown file, a JSON file of MCP servers or tools, or a TOML file of rules.",
            )
        if path.suffix == ".json":
            places.append(Place(text, Look.LISTING, Origin.MCP))
        elif path.suffix == ".toml":
            places.append(Place(text, Look.RULES, Origin.SHELL))
        else:
            is_one = path.suffix == ".md" and not path.is_dir()
            places.append(Place(text, look_of(path.parts) if is_one else Look.TREE, Origin.FOLDER))
    return Places(places, [])


def _resolved(path: Path) -> str:
    """Return *path* with no link in it; what is a skill, or the folder of one, is called as it is called there."""
    is_called_so = not path.is_dir() or (path / "SKILL.md").is_file()
    if is_called_so and path.name != os.pardir:
        return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118
    return os.path.realpath(path)


def _own(folder: Path, origin: Origin) -> list[Place]:
    return [Place(str(folder / look), look, origin) for look in (Look.SKILLS, Look.COMMANDS, Look.AGENTS)]


def _inner(tops: Sequence[Path], home: Path) -> tuple[list[Place], list[str]]:
    """Return the places inside projects, given their *tops*, and which of these were searched."""
    places: list[Place] = []
    searched: list[str] = []
    left = _MOST_SEARCHED
    for top in dict.fromkeys(tops):
        # What holds the home is no project, and would be searched for everybody's.
        if top in home.parents or left <= 0:
            continue
        nested = nested_folders(str(top), min(left, MOST_FOLDERS))
        left -= nested.looked_into
        places += [
            Place(os.path.join(folder, ".claude", Look.SKILLS), Look.SKILLS, Origin.PROJECT)  # noqa: PTH118
            for folder in nested.folders
        ]
        if nested.looked_into:
            searched.append(f"{top}{os.sep}")
    return places, searched


def _loaded_from(project: Path, home: Path) -> Iterator[Path]:
    """Yield *project* and the folders above it, up to the root of its repository: a session loads from all of them."""
    found = []
    for folder in (project, *project.parents):
        if folder == home:
            # Its .claude is the user's own.
            break
        found.append(folder)
        if os.path.lexists(folder / ".git"):
            yield from found
            return
    if project != home:
        yield project


def _plugins(folder: Path) -> list[Place]:
    """Return the places of plugins: installed ones first, then what marketplaces offer."""
    below = folder / "plugins"
    switches = decoded(_read(folder / "settings.json"), Switches) or Switches()
    markets = {path.name: path for path in _folders(below / "marketplaces")}
    entries = {name: _market(path) for name, path in markets.items()}
    places: list[Place] = []
    installed = decoded(_read(below / "installed_plugins.json"), Installed)
    if installed is not None:
        for name, one in installed.all():
            plugin, _, market = name.partition("@")
            origin = Origin.MARKETPLACE if switches.is_off(name) else Origin.PLUGIN
            entry = next((entry for entry in entries.get(market, Market()).plugins if entry.name == plugin), None)
            places += _parts(Path(one.install_path), origin, plugin, one.version, entry)
    else:
        # Without the list, whatever was fetched counts as installed: cache/MARKETPLACE/PLUGIN/VERSION.
        for market_folder in _folders(below / "cache"):
            for plugin_folder in _folders(market_folder):
                for version in _folders(plugin_folder) or [plugin_folder]:
                    places += _parts(version, Origin.PLUGIN, plugin_folder.name, version.name, None)
    for name, root in markets.items():
        for entry in entries[name].plugins:
            places += _offered(root, entries[name], entry)
    return places


def _market(root: Path) -> Market:
    return decoded(_read(root / _MANIFEST / "marketplace.json"), Market) or Market()


def _offered(root: Path, market: Market, entry: MarketEntry) -> list[Place]:
    """Return the places of a plugin whose files lie in its marketplace; others are elsewhere until installed."""
    source = listed(entry.source)
    if not (entry.name and source):
        return []
    inside = _inside(root, f"{market.metadata.plugin_root or '.'}/{source[0]}")
    return _parts(inside, Origin.MARKETPLACE, entry.name, entry.version, entry) if inside else []


def _parts(root: Path, origin: Origin, plugin: str, version: str | None, entry: MarketEntry | None) -> list[Place]:
    """Return the places of one plugin: the usual folders, and those that its manifest or marketplace adds."""
    manifest = decoded(_read(root / _MANIFEST / "plugin.json"), Plugin) or Plugin()
    version = version or manifest.version or (entry.version if entry else None)
    places: list[Place] = []
    told = [part for part in (manifest, entry) if part is not None]
    for look in (Look.SKILLS, Look.COMMANDS, Look.AGENTS):
        named = [path for part in told for path in listed(getattr(part, look))]
        # One folder may hold several plugins, each of which says which of its skills it is made of.
        is_shared = entry is not None and not entry.strict and bool(named)
        paths = [inside for path in named if (inside := _inside(root, path))]
        if not is_shared:
            paths.insert(0, root / look)
        places += [Place(str(path), look, origin, plugin, version) for path in paths]
    if not (root / "skills").is_dir() and (root / "SKILL.md").is_file():
        places.append(Place(str(root / "SKILL.md"), Look.SKILLS, origin, plugin, version))
    if origin is Origin.PLUGIN:
        servers = [root / ".mcp.json"]
        if bytes(manifest.mcp_servers).startswith(b"{"):
            servers.append(root / _MANIFEST / "plugin.json")
        servers += [inside for path in listed(manifest.mcp_servers) if (inside := _inside(root, path))]
        places += [Place(str(path), Look.LISTING, Origin.MCP, plugin, version) for path in servers]
    return places


def _inside(root: Path, relative: str) -> Path | None:
    """Return the path that a manifest gives, if it stays below *root*: a manifest may come from anybody."""
    path = Path(os.path.normpath(root / relative.replace("${CLAUDE_PLUGIN_ROOT}", ".")))
    return path if path == root or root in path.parents else None


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(child for child in path.iterdir() if child.is_dir())
    except OSError:
        return []


def _read(path: Path) -> bytes | None:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        return path.read_bytes()
    except OSError:
        return None
