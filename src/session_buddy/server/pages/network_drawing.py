"""The network of skills as shapes for SVG. Pure: a report in, shapes out; the template writes them.

Every skill is a link, so that it can be reached by keyboard and without scripts.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import hypot, log2, sqrt

import msgspec

from session_buddy.formats import plural, shown_name
from session_buddy.reports.dependency_figures import NetworkPair, NetworkSkill, SkillNetwork
from session_buddy.reports.dependency_pairs import SURE
from session_buddy.reports.dependency_wording import chance_words, lift_words, order_of_pair
from session_buddy.server.pages.forces import laid_out

__all__ = ["HEIGHT", "WIDTH", "Edge", "Graph", "Node", "drawn_network"]

WIDTH, HEIGHT = 1_000, 620
_MARGIN_X, _MARGIN_Y = 90, 34
_SEED = 4
_SMALLEST, _LARGEST = 5.0, 17.0
_STRONGEST_LIFT = 32.0
_LETTER, _LINE, _GAP = 6.5, 14.0, 5.0
"""Of labels: a letter's width, a line's height, and how far a label stands from its disc."""


class Node(msgspec.Struct, frozen=True):
    """A skill: a disc, the larger the more sessions it is in."""

    skill: str
    x: float
    y: float
    radius: float
    label_y: float
    title: str
    is_chosen: bool
    is_near: bool
    """Whether it goes with the chosen one."""


class Edge(msgspec.Struct, frozen=True):
    """A pair: a line, the wider the higher its lift; with an arrow where one of the two usually comes later."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float
    title: str
    is_directed: bool
    is_doubtful: bool
    """Whether it may be chance."""
    is_of_chosen: bool


class Graph(msgspec.Struct, frozen=True):
    """All shapes, edges to be drawn first."""

    nodes: list[Node]
    edges: list[Edge]


def drawn_network(network: SkillNetwork, *, chosen: str | None = None) -> Graph:
    """Return *network* as shapes; the *chosen* skill and what goes with it are marked."""
    numbers = {one.skill: number for number, one in enumerate(network.skills)}
    edges = [(numbers[pair.skill_a], numbers[pair.skill_b]) for pair in network.pairs]
    places = laid_out(len(numbers), edges, [_strength(pair) for pair in network.pairs], seed=_SEED)
    near = {other for pair in network.pairs for other in _others(pair, chosen)}
    most = max((one.sessions for one in network.skills), default=1)
    nodes = _labelled(
        _node(one, x, y, most, is_chosen=one.skill == chosen, is_near=one.skill in near)
        for one, (x, y) in zip(network.skills, places.tolist(), strict=True)
    )
    return Graph(
        nodes, [_edge(pair, nodes[a], nodes[b], chosen) for pair, (a, b) in zip(network.pairs, edges, strict=True)]
    )


def _others(pair: NetworkPair, chosen: str | None) -> list[str]:
    if chosen not in (pair.skill_a, pair.skill_b):
        return []
    return [pair.skill_b if pair.skill_a == chosen else pair.skill_a]


def _strength(pair: NetworkPair) -> float:
    """Return how strong a pair is, by what its lift is at least: 0 to 1."""
    return min(1.0, max(0.08, log2(max(1.0, pair.lift_low)) / log2(_STRONGEST_LIFT)))


def _node(one: NetworkSkill, x: float, y: float, most: int, *, is_chosen: bool, is_near: bool) -> Node:
    radius = _SMALLEST + (_LARGEST - _SMALLEST) * sqrt(one.sessions / most)
    down = _MARGIN_Y + y * (HEIGHT - 2 * _MARGIN_Y)
    return Node(
        skill=one.skill,
        x=_rounded(_MARGIN_X + x * (WIDTH - 2 * _MARGIN_X)),
        y=_rounded(down),
        radius=_rounded(radius),
        label_y=_rounded(down - radius - _GAP),
        title=f"{shown_name(one.skill)}: {plural(one.sessions, 'session')}, {plural(one.related, 'related skill')}",
        is_chosen=is_chosen,
        is_near=is_near,
    )


def _labelled(nodes: Iterable[Node]) -> list[Node]:
    """Return *nodes* with each label above its disc or below it, wherever it lies on fewer of those before."""
    found: list[Node] = []
    for node in nodes:
        below = msgspec.structs.replace(node, label_y=_rounded(node.y + node.radius + _GAP + _LINE * 0.7))
        found.append(min((node, below), key=lambda one: sum(_overlap(one, other) for other in found)))
    return found


def _overlap(one: Node, other: Node) -> bool:
    wide = (len(shown_name(one.skill)) + len(shown_name(other.skill))) * _LETTER / 2
    return abs(one.x - other.x) < wide and abs(one.label_y - other.label_y) < _LINE


def _edge(pair: NetworkPair, a: Node, b: Node, chosen: str | None) -> Edge:
    is_back = pair.usually_first == pair.skill_b
    start, end = (b, a) if is_back else (a, b)
    length = max(hypot(end.x - start.x, end.y - start.y), 1.0)
    is_directed = pair.usually_first is not None
    # An arrow ends at the rim of the disc, not below it.
    reach = max(0.0, 1 - (end.radius + 3) / length) if is_directed else 1.0
    told = f"{shown_name(pair.skill_a)} and {shown_name(pair.skill_b)}: {plural(pair.sessions, 'session')}"
    return Edge(
        x1=start.x,
        y1=start.y,
        x2=_rounded(start.x + (end.x - start.x) * reach),
        y2=_rounded(start.y + (end.y - start.y) * reach),
        width=_rounded(0.75 + 3.25 * _strength(pair)),
        title=f"{told}, {lift_words(pair.lift)} chance, {chance_words(pair.q_value)}, {order_of_pair(pair)}",
        is_directed=is_directed,
        is_doubtful=pair.q_value is None or pair.q_value > SURE,
        is_of_chosen=chosen in (pair.skill_a, pair.skill_b),
    )


def _rounded(value: float) -> float:
    return round(value, 1)
