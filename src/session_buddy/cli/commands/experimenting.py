"""``experiment``: making, running and telling of experiments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from session_buddy.cli.choices import MethodChoice, UnitChoice
from session_buddy.cli.options import AsJson
from session_buddy.cli.output import answer, print_json
from session_buddy.cli.settings import Settings, settings_of

if TYPE_CHECKING:
    from session_buddy.experiments.design import Experiment
    from session_buddy.experiments.records import Experiments

__all__ = [
    "ExperimentName",
    "archive",
    "assign",
    "change",
    "conclude",
    "create",
    "expose",
    "pause",
    "record",
    "resume",
    "start",
    "stop",
]

_CLEARED = ("description", "end_date", "margin", "namespace", "overrides", "guardrails", "hypothesis")


def _known_experiments(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names that the shell may complete."""
    from session_buddy.experiments.reading import read_names

    settings = Settings()
    settings.store_url = context.find_root().params.get("store")
    if not settings.store_file or not settings.has_store():
        return []
    with settings.open_store() as store:
        return [name for name in read_names(store) if name.startswith(incomplete)]


ExperimentName = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Its name, or its number.", autocompletion=_known_experiments),
]
_Actor = Annotated[
    str | None,
    typer.Option(
        "--actor", metavar="WHO", envvar="SESSION_BUDDY_ACTOR", help="Who does it, for the history (default: you)."
    ),
]
_Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is about.")]
_Hypothesis = Annotated[
    str | None, typer.Option("--hypothesis", metavar="TEXT", help="What is expected, and why; fixed from the start on.")
]
_Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="METRIC", help="What is measured; repeatable. The first alone decides."),
]
_Guardrails = Annotated[
    list[str] | None,
    typer.Option(
        "--guardrail", metavar="METRIC[=MARGIN]", help="What treatment must not harm, by more than a share; repeatable."
    ),
]
_Sample = Annotated[
    int | None,
    typer.Option("--min-sample-size", metavar="N", help="Users in each variant, below which nothing is said (100)."),
]
_Margin = Annotated[
    float | None,
    typer.Option("--margin", metavar="X", help="Say 'no difference' if the lift lies within this; 0.02 is 2 %."),
]
_Alpha = Annotated[
    float | None,
    typer.Option("--alpha", metavar="X", help="The chance of calling a winner where there is none (0.05)."),
]
_Method = Annotated[
    MethodChoice | None, typer.Option("--method", help="sequential (default): look any time; fixed: once, at its end.")
]
_Adjusted = Annotated[
    bool | None, typer.Option("--adjusted/--not-adjusted", help="Take out what users did before (CUPED).")
]
_CovariateDays = Annotated[
    int | None, typer.Option("--covariate-days", metavar="N", help="So many days before the start count for that (28).")
]
_Unit = Annotated[UnitChoice | None, typer.Option("--unit", help="Whose ids stand for users.")]
_Ratio = Annotated[
    float | None,
    typer.Option("--ratio", metavar="X", help="The share of control (0.5). Better left alone once it runs."),
]
_Enrolment = Annotated[
    float | None,
    typer.Option("--enrolment", metavar="X", help="The share of users that takes part (1); can only grow."),
]
_Namespace = Annotated[
    str | None, typer.Option("--namespace", metavar="NAMESPACE", help="Experiments of one namespace share no users.")
]
_NamespaceStart = Annotated[
    float | None, typer.Option("--namespace-start", metavar="X", help="From here on its users are this experiment's.")
]
_NamespaceEnd = Annotated[float | None, typer.Option("--namespace-end", metavar="X", help="From here on they are not.")]
_Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        metavar="USER=VARIANT",
        help="A user who gets control, treatment or none; repeatable. In no figure.",
    ),
]
_EndDate = Annotated[
    str | None, typer.Option("--end-date", metavar="TIME", help="When it ends by itself; ISO-8601 with a zone.")
]


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name; never used again.")],
    control: Annotated[str, typer.Option("--control", metavar="STRATEGY", help="What users get today.")],
    treatment: Annotated[str, typer.Option("--treatment", metavar="STRATEGY", help="What is tried.")],
    hypothesis: _Hypothesis = None,
    description: _Description = None,
    metrics: _Metrics = None,
    guardrails: _Guardrails = None,
    min_sample_size: _Sample = None,
    margin: _Margin = None,
    alpha: _Alpha = None,
    method: _Method = None,
    adjusted: _Adjusted = None,
    covariate_days: _CovariateDays = None,
    unit: _Unit = None,
    ratio: _Ratio = None,
    enrolment: _Enrolment = None,
    namespace: _Namespace = None,
    namespace_start: _NamespaceStart = None,
    namespace_end: _NamespaceEnd = None,
    overrides: _Overrides = None,
    end_date: _EndDate = None,
    actor: _Actor = None,
    as_json: AsJson = False,
) -> None:
    """Write down what is compared and how it will be judged: a draft.

    Nobody takes part until it is started. Figures in brackets are defaults.
    """
    given = _given(locals())
    _done(
        context,
        lambda experiments: experiments.create(
            name, actor=_who(actor), control_strategy=control, treatment_strategy=treatment, **given
        ),
        "is a draft. Let users in: session-buddy experiment start {name}",
        makes_store=True,
    )


def change(
    context: typer.Context,
    name: ExperimentName,
    control: Annotated[str | None, typer.Option("--control", metavar="STRATEGY", help="What users get today.")] = None,
    treatment: Annotated[str | None, typer.Option("--treatment", metavar="STRATEGY", help="What is tried.")] = None,
    hypothesis: _Hypothesis = None,
    description: _Description = None,
    metrics: _Metrics = None,
    guardrails: _Guardrails = None,
    min_sample_size: _Sample = None,
    margin: _Margin = None,
    alpha: _Alpha = None,
    method: _Method = None,
    adjusted: _Adjusted = None,
    covariate_days: _CovariateDays = None,
    unit: _Unit = None,
    ratio: _Ratio = None,
    enrolment: _Enrolment = None,
    namespace: _Namespace = None,
    namespace_start: _NamespaceStart = None,
    namespace_end: _NamespaceEnd = None,
    overrides: _Overrides = None,
    end_date: _EndDate = None,
    clear: Annotated[
        list[str] | None,
        typer.Option("--clear", metavar="SETTING", help=f"Take back one of {', '.join(_CLEARED)}; repeatable."),
    ] = None,
    actor: _Actor = None,
    as_json: AsJson = False,
) -> None:
    """Change settings: all of a draft; later only description, end, ratio, overrides, and enrolment to more.

    Lists replace what was there.
    """
    given = _given(locals())
    if control is not None:
        given["control_strategy"] = control
    if treatment is not None:
        given["treatment_strategy"] = treatment
    given |= _cleared(clear or ())
    _done(context, lambda experiments: experiments.change(name, actor=_who(actor), **given), "is changed.")


def start(context: typer.Context, name: ExperimentName, actor: _Actor = None, as_json: AsJson = False) -> None:
    """Let users in; from now on hypothesis, strategies, metrics and margins are fixed."""
    _done(context, lambda experiments: experiments.start(name, actor=_who(actor)), "runs: users are let in.")


def pause(context: typer.Context, name: ExperimentName, actor: _Actor = None, as_json: AsJson = False) -> None:
    """Add nobody from now on; who takes part goes on."""
    _done(context, lambda experiments: experiments.pause(name, actor=_who(actor)), "is paused: nobody is added.")


def resume(context: typer.Context, name: ExperimentName, actor: _Actor = None, as_json: AsJson = False) -> None:
    """Let users in again."""
    _done(context, lambda experiments: experiments.resume(name, actor=_who(actor)), "runs again.")


def stop(context: typer.Context, name: ExperimentName, actor: _Actor = None, as_json: AsJson = False) -> None:
    """End it now; outcomes from before may still be told."""
    _done(context, lambda experiments: experiments.stop(name, actor=_who(actor)), "is stopped.")


def conclude(
    context: typer.Context,
    name: ExperimentName,
    decision: Annotated[str, typer.Option("--decision", metavar="TEXT", help="What was decided, in your words.")],
    actor: _Actor = None,
    as_json: AsJson = False,
) -> None:
    """Say what was decided; from now on no outcome is taken in."""
    _done(
        context,
        lambda experiments: experiments.conclude(name, actor=_who(actor), decision=decision),
        "is concluded.",
    )


def archive(context: typer.Context, name: ExperimentName, actor: _Actor = None, as_json: AsJson = False) -> None:
    """Put it away: lists leave it out."""
    _done(context, lambda experiments: experiments.archive(name, actor=_who(actor)), "is archived.")


_UserIds = Annotated[list[str], typer.Argument(metavar="USER", help="Users, or whatever stands for them.")]


def assign(
    context: typer.Context,
    name: ExperimentName,
    users: _UserIds,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show it; record nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what users get, and record it for those who take part: it stays so."""
    from session_buddy.cli.screens.experiments import assignments_screen
    from session_buddy.reports.experiments import read_assignment

    settings = settings_of(context)
    with settings.open_existing() as store:
        if dry_run:
            found = [read_assignment(store, name, user, now=settings.now()) for user in users]
        else:
            found = list(_experiments(store, settings).assign_many(name, users))
    answer(settings, {"assignments": found}, lambda width: assignments_screen(found, width=width))


def expose(context: typer.Context, name: ExperimentName, users: _UserIds, as_json: AsJson = False) -> None:
    """Note that users meet their variants now; assigns them where need be."""
    from session_buddy.cli.screens.experiments import assignments_screen

    settings = settings_of(context)
    with settings.open_existing() as store:
        experiments = _experiments(store, settings)
        found = [experiments.expose(name, user) for user in users]
    answer(settings, {"assignments": found}, lambda width: assignments_screen(found, width=width))


def record(
    context: typer.Context,
    name: ExperimentName,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="Whose use it was.")] = None,
    skill: Annotated[str | None, typer.Option("--skill", metavar="SKILL", help="What was used.")] = None,
    completed: Annotated[bool | None, typer.Option("--completed/--failed", help="How it ended.")] = None,
    duration: Annotated[float | None, typer.Option("--duration", metavar="S", help="How many seconds it took.")] = None,
    rating: Annotated[float | None, typer.Option("--rating", metavar="N", help="How the user liked it, 1-5.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When it ended, ISO-8601 with a zone (default: now).")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="Tells it from the user's others: told again, it counts once."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Many: a JSON object a line, as the API takes them; '-': stdin."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record how uses ended: one by options, or many from a file, all of them or none."""
    from session_buddy.cli.screens.experiments import outcomes_screen

    settings = settings_of(context)
    one = {
        "user_id": user,
        "skill_name": skill,
        "completed": completed,
        "duration_seconds": duration,
        "user_rating": rating,
        "recorded_at": at,
        "key": key,
    }
    told = {field: value for field, value in one.items() if value is not None}
    outcomes = [told] if file is None else _outcomes_of(file, told)
    with settings.open_existing() as store:
        recorded = _experiments(store, settings).record_outcomes(name, outcomes)
    answer(settings, recorded, lambda width: outcomes_screen(recorded, width=width))


def _outcomes_of(file: str, told: dict[str, Any]) -> list[Any]:
    import sys

    import msgspec

    from session_buddy.errors import InvalidInput

    if told:
        raise InvalidInput("file", "says all of its outcomes.", remedy="Leave out the other options.")
    lines = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    outcomes = []
    for number, line in enumerate(lines.splitlines(), start=1):
        if line.strip():
            try:
                outcomes.append(msgspec.json.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InvalidInput(
                    f"line {number}", f"is no JSON: {error}.", remedy="Give one object a line; nothing was recorded."
                ) from error
    return outcomes


def _done(
    context: typer.Context,
    act: Callable[[Experiments], Experiment],
    words: str,
    *,
    makes_store: bool = False,
) -> None:
    """Do *act* and say so: as the experiment that it returns, or in *words* behind its name."""
    from session_buddy.formats import printable
    from session_buddy.reports.experiment_wording import quoted

    settings = settings_of(context)
    with settings.open_store() if makes_store else settings.open_existing() as store:
        experiment = act(_experiments(store, settings))
    if settings.json:
        print_json(experiment)
    else:
        print(f"{printable(experiment.test_name)} {words.format(name=quoted(experiment.test_name))}")


def _experiments(store: Any, settings: Settings) -> Experiments:
    from session_buddy.experiments.records import Experiments

    return Experiments(store, clock=settings.now)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that *options* name, as plain values."""
    plain = ("hypothesis", "description", "metrics", "min_sample_size", "margin", "alpha", "adjusted", "covariate_days",
             "enrolment", "namespace", "namespace_start", "namespace_end", "end_date")  # fmt: skip
    given = {name: options[name] for name in plain}
    given |= {name: options[name] and options[name].value for name in ("method", "unit")}
    given["assignment_ratio"] = options["ratio"]
    given["guardrails"] = options["guardrails"] and [_guardrail(text) for text in options["guardrails"]]
    given["overrides"] = options["overrides"] and dict(_override(text) for text in options["overrides"])
    # What typer gives for a list that was not asked for is None or empty.
    return {name: value for name, value in given.items() if value is not None and value != []}


def _guardrail(text: str) -> dict[str, Any]:
    from session_buddy.errors import InvalidInput

    metric, equals, margin = text.partition("=")
    if not equals:
        return {"metric": metric}
    try:
        return {"metric": metric, "margin": float(margin)}
    except ValueError as error:
        raise InvalidInput("guardrail", f"{margin!r} is no share.", remedy="Write duration_seconds=0.1.") from error


def _override(text: str) -> tuple[str, str]:
    from session_buddy.errors import InvalidInput

    user, equals, variant = text.rpartition("=")
    if not equals or not user:
        raise InvalidInput("override", f"{text!r} names no variant.", remedy="Write USER=treatment.")
    return user, variant


def _cleared(names: Iterable[str]) -> dict[str, Any]:
    from session_buddy.errors import InvalidInput

    empty: dict[str, Any] = {"overrides": {}, "guardrails": [], "hypothesis": ""}
    cleared: dict[str, Any] = {}
    for name in names:
        field = name.replace("-", "_")
        if field not in _CLEARED:
            raise InvalidInput("clear", f"{name!r} cannot be empty.", remedy=f"There are: {', '.join(_CLEARED)}.")
        cleared[field] = empty.get(field)
    return cleared


def _who(actor: str | None) -> str:
    """Return *actor*, or the account's name."""
    import getpass

    try:
        return actor or getpass.getuser()
    except (OSError, KeyError):
        return "somebody without a name"  # an account that the system has no name for
