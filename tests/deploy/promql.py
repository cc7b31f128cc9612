"""As much of PromQL as tells which metrics and labels an expression speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_RANGE = re.compile(r"\[[^\]]*\]")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)?\s*\{([^}]*)\}")
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:]*\s*\()")
_WORDS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "inf", "nan"}


def metrics_in(expression: str) -> set[str]:
    """Return the names of metrics in *expression*, exported and recorded ones alike.

    >>> sorted(metrics_in('sum by (a) (rate(b_total{c="d"}[5m])) / on (a) e:f > 0.5 and g'))
    ['b_total', 'e:f', 'g']
    """
    bare = _RANGE.sub("", _GROUPING.sub("", re.sub(r"\{[^}]*\}", "", _STRING.sub('""', expression))))
    return {name for name in _NAME.findall(bare) if name.lower() not in _WORDS}


def labels_in(expression: str) -> Iterator[tuple[str, str]]:
    """Yield each label that a selector asks for, with the metric it asks.

    >>> list(labels_in('a{b="}", c=~"d"} + e{}'))
    [('a', 'b'), ('a', 'c')]
    """
    for name, matchers in _SELECTOR.findall(_STRING.sub('""', expression)):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
            yield name, label


def grouped_in(expression: str) -> set[str]:
    """Return the labels that *expression* groups or matches by.

    >>> sorted(grouped_in("sum by (a, b) (x) / ignoring (c) y"))
    ['a', 'b', 'c']
    """
    found = [labels for _, labels in _GROUPING.findall(_STRING.sub('""', expression))]
    return {label.strip() for labels in found for label in labels.split(",") if label.strip()}
