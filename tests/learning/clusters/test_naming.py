from __future__ import annotations

import numpy as np

from session_buddy.learning.clusters.naming import SkillText, named
from session_buddy.learning.clusters.partition import Method, Partition

CONTAINERS = [
    SkillText("docker-build", "Build docker images with layers and cache them"),
    SkillText("docker-compose", "Start several docker containers"),
    SkillText("image-scan", "Scan container images for holes"),
]
TESTS = [
    SkillText("pytest-run", "Run tests with pytest"),
    SkillText("test-coverage", "Which lines the tests cover"),
    SkillText("write-tests", "Write tests first, then code"),
]


def parted(*labels: int, memberships: list[float] | None = None) -> Partition:
    sure = np.array(memberships or [1.0] * len(labels))
    return Partition(np.array(labels), sure, Method.KMEANS, "")


def test_names_are_what_sets_clusters_apart() -> None:
    containers, tests = named([*CONTAINERS, *TESTS], parted(0, 0, 0, 1, 1, 1))
    assert containers.name == "docker, images"
    assert tests.terms[0] == "tests"
    assert "docker" not in tests.terms
    assert containers.description.startswith("docker, images")


def test_words_of_every_cluster_weigh_little() -> None:
    skills = [SkillText(f"{skill.name}", f"{skill.description} project project") for skill in [*CONTAINERS, *TESTS]]
    for name in named(skills, parted(0, 0, 0, 1, 1, 1)):
        assert name.terms[0] not in ("project", "skill")


def test_a_word_of_one_skill_is_no_name() -> None:
    skills = [SkillText("alpha", "zebra zebra zebra zebra common"), SkillText("beta", "common"), *TESTS]
    first, _ = named(skills, parted(0, 0, 1, 1, 1))
    assert first.terms == ("common",)


def test_forms_of_one_word_are_said_once() -> None:
    skills = [SkillText("image", "images imaging imaged"), SkillText("images", "image imaging docker docker")] * 2
    (found,) = named(skills, parted(0, 0, 0, 0))
    assert sum(term.startswith("imag") for term in found.terms) == 1


def test_names_are_unique() -> None:
    same = [SkillText("a", "deploy server cloud"), SkillText("b", "deploy server cloud")]
    names = [found.name for found in named(same * 4, parted(0, 0, 1, 1, 2, 2, 3, 3))]
    assert len(set(names)) == 4
    without = [SkillText("!!", ""), SkillText("!!", "")]
    assert [found.name for found in named(without, parted(0, 1))] == ["!!", "!! 2"]


def test_the_surest_skills_are_the_examples() -> None:
    sure = [0.2, 0.9, 0.5, 1.0, 0.9, 0.9]
    containers, tests = named([*CONTAINERS, *TESTS], parted(0, 0, 0, 1, 1, 1, memberships=sure))
    assert containers.description.endswith("For example docker-compose, image-scan, docker-build.")
    assert tests.description.endswith("For example pytest-run, test-coverage, write-tests.")


def test_a_name_stays_as_long_as_it_is_apt() -> None:
    skills, labels = [*CONTAINERS, *TESTS], parted(0, 0, 0, 1, 1, 1)
    kept = ["container, docker", "prose, chapters"]
    containers, tests = named(skills, labels, kept=kept)
    assert containers.name == "container, docker"
    assert tests.name != "prose, chapters"
    both = named(skills, labels, kept=["docker, tests", "docker, tests"])
    assert both[0].name == "docker, tests" and both[1].name != "docker, tests"


def test_names_of_any_script_are_read() -> None:
    skills = [SkillText("сборка-образа", "сборка образа"), SkillText("сборка", "образа"), *TESTS]
    assert named(skills, parted(0, 0, 1, 1, 1))[0].name == "сборка, образа"


def test_without_clusters_there_are_no_names() -> None:
    assert named(TESTS, parted(-1, -1, -1)) == []
