"""Clusters of skills: how near they come to what people sorted, how they stay, and what they cost.

People's own categories lie beside the repository (``shared/data/skills``), in two schemes that are compared one at a
time; on the skills that both sorted, the two agree at an AMI of 0.17 only. AMI and ARI (agreement beyond chance, 1 is
the same, 0 is chance) are over all skills, those in no cluster being one group, and over those in a cluster; the
silhouette is by cosine over those in a cluster. k-means gets as many clusters as the people made.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, silhouette_score

from bench.measuring import show
from bench.recommend import DATA as PAIRS
from session_buddy.learning.clusters.features import Vectors
from session_buddy.learning.clusters.landscape import Landscape, read_landscape
from session_buddy.learning.clusters.partition import partition
from session_buddy.learning.clusters.recommending import ClusterMates
from session_buddy.learning.clusters.refreshing import refresh_clusters
from session_buddy.learning.evaluation import judged, random_split
from session_buddy.learning.interactions import Interactions
from session_buddy.learning.recommenders.popularity import Popularity
from session_buddy.learning.search.embedding import Embedder, LetterEmbedder, ModelPlace, choose_embedder
from session_buddy.learning.words import spoken_name
from session_buddy.model import SkillFacts
from session_buddy.storage import Store, open_store

SHARED = Path(__file__).resolve().parents[2] / "shared"
SKILLS = SHARED / "data" / "skills"
MODEL = SHARED / "models" / "all-MiniLM-L6-v2"
SEED = 1
NOW = "2026-06-15T12:00:00.000Z"

Labels = NDArray[np.int64]


class Drawn(NamedTuple):
    """A landscape, and the ids of its clusters."""

    landscape: Landscape
    ids: set[int]


def run() -> None:
    """Print all of it."""
    if not SKILLS.is_dir():
        print(f"No real data at {SKILLS}: nothing is measured.")
        return
    model = choose_embedder(ModelPlace(folder=MODEL)).embedder
    _quality({"model": model, "letters alone": LetterEmbedder()})
    rows = _rows("catalog.csv")
    # Several repositories have skills of the same name; here each is a skill of its own.
    named = {f"{row['name']} ({row['repo']}/{row['path']})": row for row in rows}
    names = list(named)
    vectors = model.embed(_texts(list(named.values())))
    _course(names, [row["description"] for row in named.values()], vectors)
    if PAIRS.is_dir():
        _recommending()


def _rows(file: str) -> list[dict[str, str]]:
    with (SKILLS / file).open(encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def _texts(rows: list[dict[str, str]]) -> list[str]:
    """Return what a store embeds of each."""
    return [row["description"] or spoken_name(row["name"]) for row in rows]


def _quality(embedders: dict[str, Embedder]) -> None:
    rows = _rows("category_labels.csv")
    for scheme in sorted({row["scheme"] for row in rows}):
        own = [row for row in rows if row["scheme"] == scheme]
        truth = _numbered([row["category"] for row in own])
        count = int(truth.max()) + 1
        shown = []
        for name, embedder in embedders.items():
            vectors = embedder.embed(_texts(own))
            found = partition(vectors, seed=SEED)
            shuffled = np.random.default_rng(SEED).permutation(found.labels)
            asked = partition(vectors, seed=SEED, count=count)
            shown += [
                _judged(f"ours, {name}", truth, found.labels, vectors),
                _judged(f"k-means, {name}", truth, asked.labels, vectors),
            ]
            if name == "model":
                shown += [
                    _judged("ours, shuffled", truth, shuffled, vectors),
                    _judged("first word of the name", truth, _first_words(own), vectors),
                ]
        show(
            f"{scheme}: {len(own):,} skills, {count} categories of people",
            ("clusters", "how many", "in one", "AMI", "ARI", "AMI in one", "ARI in one", "silhouette"),
            shown,
        )


def _judged(name: str, truth: Labels, labels: Labels, vectors: Vectors) -> tuple[str, ...]:
    inside = labels >= 0
    return (
        name,
        f"{len(np.unique(labels[inside]))}",
        f"{inside.mean():.0%}",
        f"{adjusted_mutual_info_score(truth, labels):.3f}",
        f"{adjusted_rand_score(truth, labels):.3f}",
        f"{adjusted_mutual_info_score(truth[inside], labels[inside]):.3f}",
        f"{adjusted_rand_score(truth[inside], labels[inside]):.3f}",
        f"{silhouette_score(vectors[inside], labels[inside], metric='cosine'):.3f}",
    )


def _first_words(rows: Sequence[dict[str, str]]) -> Labels:
    """Return groups of skills whose names begin with the same word; a word of one skill is no group."""
    words = _numbered([row["name"].lower().replace("_", "-").split("-")[0] for row in rows])
    sizes = np.bincount(words)
    return np.where(sizes[words] > 1, words, -1)


def _numbered(texts: Sequence[str]) -> Labels:
    return np.unique(np.array(texts), return_inverse=True)[1].astype(np.int64)


def _course(names: list[str], descriptions: list[str], vectors: Vectors) -> None:
    """Print what a first refresh takes, one after a twentieth of the skills changed, and one where nothing did."""
    rows = []
    rnd = np.random.default_rng(SEED)
    known = np.sort(rnd.permutation(len(names))[len(names) // 20 :])
    with tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as folder:
        for engine, url in (
            ("SQLite", f"sqlite:///{Path(folder) / 'store.db'}"),
            ("chdb", f"chdb:///{folder}/chdb?database=bench"),
        ):
            with open_store(url) as store:
                store.describe(
                    SkillFacts(skill_name=name, category="Other", modality="code", description=text)
                    for name, text in zip(names, descriptions, strict=True)
                )
                before, first = _refreshed(store, [names[place] for place in known], vectors[known])
                after, second = _refreshed(store, names, vectors)
                _, third = _refreshed(store, names, vectors)
            told = (len(known), before, first, "", ""), (len(names), after, second, *_stayed(before, after))
            rows += [
                (
                    engine,
                    f"{count:,}",
                    f"{seconds:.1f}",
                    str(landscape.details.clusters),
                    f"{landscape.details.without_cluster:,}",
                    f"{landscape.projection} {landscape.details.trustworthiness:.3f}",
                    *stayed,
                )
                for count, (landscape, _), seconds, *stayed in told
            ]
            rows.append((engine, "the same", f"{third:.2f}", "", "", "", "", ""))
    columns = ("engine", "skills", "s", "clusters", "in none", "trustworthiness", "ids that stayed", "moved, median")
    show("A refresh, and what stays of it; the map is 2 wide", columns, rows)


def _refreshed(store: Store, names: list[str], vectors: Vectors) -> tuple[Drawn, float]:
    began = time.perf_counter()
    refresh_clusters(store, names, vectors, clock=lambda: NOW, seed=SEED)
    took = time.perf_counter() - began
    landscape = read_landscape(store)
    assert landscape is not None
    ids = {number for (number,) in store.query("SELECT cluster_id FROM skill_clusters FINAL").rows}
    return Drawn(landscape, ids), took


def _stayed(before: Drawn, after: Drawn) -> tuple[str, str]:
    places = dict(zip(before.landscape.skills, before.landscape.positions, strict=True))
    moved = [
        float(np.linalg.norm(position - places[skill]))
        for skill, position in zip(after.landscape.skills, after.landscape.positions, strict=True)
        if skill in places
    ]
    return f"{len(before.ids & after.ids)} of {len(before.ids)}", f"{np.median(moved):.3f}"


def _recommending(seeds: int = 3) -> None:
    """Print how well further skills of a user's clusters foretell what the user has, beside popularity."""
    with (PAIRS / "repo_skill.csv").open(encoding="utf-8") as file:
        pairs = [(row["repo"], row["skill_name"]) for row in csv.DictReader(file)]
    users, skills = (sorted(set(side)) for side in zip(*pairs, strict=True))
    of_user, of_skill = ({name: place for place, name in enumerate(side)} for side in (users, skills))
    data = Interactions.of_pairs(
        np.array([of_user[user] for user, _ in pairs]),
        np.array([of_skill[skill] for _, skill in pairs]),
        shape=(len(users), len(skills)),
        names=skills,
    )
    rows = []
    for make in (Popularity, ClusterMates):
        found = [judged(make().fit(split.train), split) for split in (random_split(data, seed=n) for n in range(seeds))]
        ndcg, recall = (float(np.mean([getattr(one, of) for one in found])) for of in ("ndcg", "recall"))
        rows.append((make().name, f"{ndcg:.4f}", f"{recall:.4f}"))
    show("Repositories and their skills", ("recommender", "nDCG@10", "Recall@20"), rows)
