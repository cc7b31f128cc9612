"""Every link leads somewhere, and nothing points to places that readers do not have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, name_of, prose, text_of

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """Return what GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_pages_are_found() -> None:
    assert {"README.md", "CHANGELOG.md", "docs/tutorial.md", "docs/reference/sql.md"} <= set(map(name_of, PAGES))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_resolves(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if fragment:
            assert fragment in {anchor(heading) for heading in _HEADING.findall(text_of(target))}, link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_page_can_be_reached_from_the_readme(page: Path) -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        here = waiting.pop().resolve()
        if here in reached or here.suffix != ".md":
            continue
        reached.add(here)
        waiting += [here.parent / link.partition("#")[0] for link in _LINK.findall(prose(here)) if "://" not in link]
    assert page in reached


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_machine_and_no_package_host_is_named(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:work|home|root|tmp|Users)\b|pypi|pythonhosted|npmjs|cdnjs", text_of(page))


def test_the_picture_shows_names_and_numbers_only() -> None:
    drawing = text_of(ROOT / "docs" / "images" / "up.svg")
    texts = re.findall(r"<text[^>]*>(.*?)</text>", drawing)
    assert len(texts) > 50
    assert not [text for text in texts if "/" in text.replace("MB/s", "").replace("/security-review", "")]
    assert not re.search(r"@font-face|https?://(?!www\.w3\.org|www\.textualize\.io)", drawing)
