"""The live feed is described as it is: every message, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import msgspec
import pytest
import yaml
from tools import live_reference

from session_buddy.client import Client
from session_buddy.feed import Feed, FeedLimits
from session_buddy.feed.messages import FromClient, FromServer, read_client_message, read_server_message
from session_buddy.reports.anomalies import AnomalyFigures
from session_buddy.reports.live import LATEST, read_snapshot
from session_buddy.server import live_socket
from session_buddy.server.app import create_app
from session_buddy.server.live import LiveSettings
from session_buddy.server.live_protocol import LiveWebSocketProtocol
from session_buddy.server.site import Site
from tests.docs.pages import ROOT, blocks, table_after, text_of
from tests.making import many
from tests.server.live_serving import Served, site_in

PAGE = ROOT / "docs" / "reference" / "live.md"
HOW_TO = ROOT / "docs" / "how-to" / "use-from-python.md"
DESCRIPTION: dict[str, Any] = yaml.safe_load(text_of(live_reference.PAGE))
KINDS = [*get_args(FromClient), *get_args(FromServer)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as opened:
        yield opened


def word(kind: Any) -> str:
    return str(kind.__struct_config__.tag)


def validator(message: str) -> Any:
    schema = {**DESCRIPTION["components"]["messages"][message]["payload"], "components": DESCRIPTION["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


def test_the_description_is_up_to_date() -> None:
    assert text_of(live_reference.PAGE) == live_reference.asyncapi(), "python -m tools.live_reference"


def test_it_is_asyncapi_3_and_all_that_it_refers_to_is_there() -> None:
    assert DESCRIPTION["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DESCRIPTION["info"].keys()
    for operation in DESCRIPTION["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])
    references = re.findall(r"\$ref: '?#/([^'\n]+)", text_of(live_reference.PAGE))
    assert len(references) > 30
    for reference in references:
        place: Any = DESCRIPTION
        for part in reference.split("/"):
            place = place[part]


def test_every_message_is_described_and_no_other() -> None:
    assert set(DESCRIPTION["components"]["messages"]) == {word(kind) for kind in KINDS}
    said = {message["$ref"].rpartition("/")[2] for message in DESCRIPTION["operations"]["hear"]["messages"]}
    assert said == {word(kind) for kind in get_args(FromClient)}
    told = {message["$ref"].rpartition("/")[2] for message in DESCRIPTION["operations"]["tell"]["messages"]}
    assert told == {word(kind) for kind in get_args(FromServer)}


@pytest.mark.parametrize("kind", KINDS, ids=word)
def test_examples_fit_the_schemas_and_are_read(kind: Any) -> None:
    examples = DESCRIPTION["components"]["messages"][word(kind)]["examples"]
    assert examples
    read = read_client_message if kind in get_args(FromClient) else read_server_message
    for example in examples:
        validator(word(kind)).validate(example["payload"])
        assert isinstance(read(msgspec.json.encode(example["payload"])), kind)


@pytest.mark.parametrize("kind", KINDS, ids=word)
def test_schemas_refuse_what_is_no_such_message(kind: Any) -> None:
    fits = validator(word(kind)).is_valid
    (example, *_) = live_reference.EXAMPLES[kind]
    good = msgspec.to_builtins(example)
    assert fits(good)
    assert not fits({**good, "type": "another"})
    for field in set(good) - {"since", "recovered"}:
        if field != "type":
            assert not fits({name: value for name, value in good.items() if name != field}), field
            assert not fits({**good, field: {"not": ["that"]}}), field


def test_what_a_real_store_tells_fits_the_schemas(site: Site) -> None:
    site.store.record(many(200))
    snapshot = read_snapshot(site.store, frozenset(["all"]), site.feed.position)
    assert len(snapshot.invocations) == LATEST
    validator("snapshot").validate(msgspec.to_builtins(snapshot))
    site.feed.publish(many(20), skills=snapshot.skills)
    (delta,) = site.feed.past.after(0)
    validator("delta").validate(msgspec.json.decode(delta.whole.text))


def test_rows_have_the_columns_that_the_store_has(site: Site) -> None:
    schemas = DESCRIPTION["components"]["schemas"]
    columns = site.store.query("SELECT * FROM v_realtime_skill_dashboard").columns
    assert set(schemas["SkillRow"]["properties"]) == {*columns, "category"}
    anomalies = site.store.query("SELECT * FROM skill_anomalies").columns
    assert set(schemas["AnomalyRow"]["properties"]) == set(anomalies) == set(AnomalyFigures.__struct_fields__)


def test_the_page_names_every_message() -> None:
    sent = {re.search(r'"type": "(\w+)"', cells[0])[1] for cells in table_after(PAGE, "## What you send")}  # type: ignore[index]
    heard = {cells[0].strip("`") for cells in table_after(PAGE, "## What you hear")}
    assert sent == {word(kind) for kind in get_args(FromClient)}
    assert heard == {word(kind) for kind in get_args(FromServer)}


def test_what_the_page_shows_to_send_is_understood() -> None:
    for cells in table_after(PAGE, "## What you send"):
        read_client_message(cells[0].strip("`"))


def test_the_bounds_on_the_page_are_those_of_the_program() -> None:
    page, limits = " ".join(text_of(PAGE).split()), FeedLimits()
    assert f"up to {limits.topics_per_subscriber}. A message" in page
    assert f"the last {limits.kept_deltas:,} deltas" in page
    assert f"about {limits.kept_bytes >> 20} MB" in page
    assert f"{limits.queue_messages:,} messages or {limits.queue_bytes >> 20} MB" in page
    assert f"Where {limits.subscribers:,} clients" in page
    assert f"every {LiveSettings().heartbeat_seconds:.0f} seconds" in page
    assert f"nothing for {LiveWebSocketProtocol.stall_seconds:.0f} seconds" in page
    assert f"{live_socket._MOST_FAULTS + 1} messages made no sense" in page
    assert f"more than {live_socket._LONGEST_TEXT >> 10} KiB" in page
    assert Feed("e").limits == limits


def test_the_programs_on_the_page_for_python_run(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    tracked, record, pages, live = blocks(HOW_TO, "python")
    with Served(create_app(site)) as server:
        for program in (tracked, record, pages):
            exec(compile(program.replace("http://127.0.0.1:8765", server.url), str(HOW_TO), "exec"), {})
    assert capsys.readouterr().out == "filling\nstored 1.0\n"
    compile(live, str(HOW_TO), "exec")


def test_the_page_for_python_names_every_method() -> None:
    named = {name for cells in table_after(HOW_TO, "## Read") for name in re.findall(r"`(\w+)\(", cells[0])}
    methods = {name for name in vars(Client) if not name.startswith("_")}
    assert named == methods - {"record", "live", "close"}
