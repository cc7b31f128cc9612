"""Our text is that of the official client, byte for byte, and its parsers read it back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric
from prometheus_client import generate_latest as official_plain
from prometheus_client.openmetrics.exposition import generate_latest as official_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample

from session_buddy.server.metrics_catalogue import ANOMALIES_OPEN, CATALOGUE, STARTED
from session_buddy.server.metrics_text import TextFormats, prefers_openmetrics

texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ['"', "\\", "\n", "\\n", 'a"b\\', "{}", "# x"]
)
numbers = st.integers(0, 10**12) | st.floats(allow_nan=False) | st.integers(999_990, 1_000_010)


class Fixed(Collector):
    """Collects what it was given."""

    def __init__(self, families: list[Metric]) -> None:
        self.families = families

    def collect(self) -> list[Metric]:
        return self.families


@st.composite
def families(draw: st.DrawFn) -> list[Metric]:
    made = []
    for described in draw(st.lists(st.sampled_from(CATALOGUE), max_size=4, unique=True)):
        labels = (*described.labels, "le") if described.type == "histogram" else described.labels
        family = described.family()
        for values in draw(st.lists(st.tuples(*(texts for _ in labels)), max_size=3)):
            seen = Exemplar({"event_id": draw(texts)}, draw(st.floats(0, 100)), draw(st.none() | st.floats(1e9, 2e9)))
            family.samples.append(
                Sample(
                    described.sample_names[0],
                    dict(zip(labels, values, strict=True)),
                    draw(numbers),
                    None,
                    draw(st.none() | st.just(seen)) if described.type == "histogram" else None,
                )
            )
        made.append(family)
    return made


@given(families())
def test_both_formats_are_those_of_the_official_client(made: list[Metric]) -> None:
    registry = CollectorRegistry()
    registry.register(Fixed(made))
    ours = TextFormats()
    for _ in range(2):  # the second time from memory
        assert ours.plain(made) == official_plain(registry)
        assert ours.openmetrics(made) == official_openmetrics(registry)


def test_series_of_two_metrics_with_the_same_values_are_not_mixed_up() -> None:
    families = [one.family([(("drop", "info"), 1)]) for one in (STARTED, ANOMALIES_OPEN)]
    text = TextFormats().plain(families).decode()
    assert '{kind="info",skill="drop"}' in text
    assert '{anomaly_type="drop",severity="info"}' in text


def test_a_memory_that_is_full_is_emptied_and_nothing_is_mixed_up() -> None:
    ours = TextFormats(most_remembered=2)
    for number in range(5):
        family = STARTED.family([((f"skill-{number}", "mcp"), 1), (("skill", f"mcp-{number}"), 2)])
        text = ours.plain([family]).decode()
        assert f'{{kind="mcp",skill="skill-{number}"}} 1.0' in text
        assert f'{{kind="mcp-{number}",skill="skill"}} 2.0' in text


@pytest.mark.parametrize("name", ['say "hi"', "back\\slash", "two\nlines", "тест 🎉", "a,b={c}", " ", "\t", "x\\n"])
def test_any_name_survives(name: str) -> None:
    text = TextFormats().plain([STARTED.family([((name, "skill"), 1)])]).decode()
    ((sample,),) = [family.samples for family in parsed(text)]
    assert sample.labels == {"skill": name, "kind": "skill"}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text", True),
        # What Prometheus 2 sends, and 3
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            True,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
            "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            True,
        ),
        ("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nonsense", False),
        (";;,,;q=", False),
    ],
)
def test_the_client_chooses_the_format(accept: str, expected: bool) -> None:
    assert prefers_openmetrics(accept) is expected
