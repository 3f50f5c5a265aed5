"""A data file in, the best candidate's run out; and what a bound on the time leaves of a plan."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tfapp
from tests.processes import call, complaint
from tests.toy import toy_rows
from tfapp import Run, api
from tfapp.errors import SettingsError, TrainingError
from tfapp.tasks.experiments import load_experiment
from tfapp.training import EpochEvent, StepEvent
from tfapp.workflows.candidates import train_candidates
from tfapp.workflows.plan import Plan, PlannedCandidate, make_plan
from tfapp.workflows.run_data import load_splits
from tfapp.workflows.time_estimate import fit_into_minutes, with_estimates

STEPS = {"epochs": 2, "batch_size": 8, "learning_rate": 5e-3, "checkpoint_steps": 5, "log_steps": 5, "sam_rho": None}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A csv with semicolons, whose columns have names of their own."""
    file = tmp_path_factory.mktemp("data") / "messages.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out, delimiter=";")
        writer.writerows([("message", "kind"), *((row["text"], row["label"]) for row in toy_rows(240))])
    return file


class Trainings:
    """Counts the trainings that begin."""

    def __init__(self) -> None:
        self.starts: list[int] = []

    def on_start(self, step: int, total_steps: int) -> None:
        del total_steps
        self.starts.append(step)

    def on_progress(self, step: int) -> None: ...

    def on_step(self, event: StepEvent) -> None: ...

    def on_epoch(self, event: EpochEvent) -> None: ...


def plan(messages: Path, preset: Path, **options: Any) -> Plan:
    """Returns what is chosen for a sentence encoder, on the toy preset."""
    training = STEPS | options.pop("training", {})
    proposal = make_plan(str(messages), model={"max_length": 32, "pooling": "mean"}, training=training, **options)
    return replace(proposal, candidates=tuple(_with_preset(candidate, preset) for candidate in proposal.candidates))


def _with_preset(candidate: PlannedCandidate, preset: Path) -> PlannedCandidate:
    model = candidate.experiment.model.model_copy(update={"preset": str(preset)})
    return replace(candidate, experiment=candidate.experiment.model_copy(update={"model": model}))


@pytest.fixture(scope="module")
def chosen_run(messages: Path, bare_preset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return api.fit_plan(plan(messages, bare_preset), runs=tmp_path_factory.mktemp("runs"), quiet=True)


def test_the_best_on_dev_is_the_run_and_says_why(chosen_run: Run, messages: Path) -> None:
    candidates = chosen_run.folder.read("candidates")
    assert [candidate["name"] for candidate in candidates] == ["output layer alone", "all weights"]
    (winner,) = [candidate for candidate in candidates if candidate["chosen"]]
    assert winner["dev"]["score"] == max(candidate["dev"]["score"] for candidate in candidates)
    assert winner["dev"]["score"] == chosen_run.folder.read("finished")["dev_score"]
    assert chosen_run.folder.is_finished
    assert api.open_run(chosen_run.path.parent).path == chosen_run.path
    assert chosen_run.predict(["the ball and the goal"])["label"].tolist() == ["sport"]
    assert not list(chosen_run.path.glob("candidates/*/model"))
    assert not list(chosen_run.path.glob("candidates/*/evaluation.json"))
    leftovers = ("checkpoint.npz", "held_out.npy", "features", ".lock")
    assert not [path for path in chosen_run.path.glob("candidates/*/*") if path.name in leftovers]
    experiment = load_experiment(chosen_run.path / "settings.toml")
    assert (experiment, experiment.data.text, experiment.data.label) == (chosen_run.experiment, "message", "kind")
    report = chosen_run.folder.report.read_text()
    for part in ("What was chosen, and why", "column &#34;message&#34;", "What was compared on dev", "(chosen)"):
        assert part in report


def test_predict_reads_the_column_that_it_learnt_from(chosen_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("text,message\nx,the ball and the goal\n")
    assert call("predict", chosen_run.path, file).code == 0
    assert ",sport," in (tmp_path / "new.predictions.csv").read_text()
    version = chosen_run.export(tmp_path / "models", quiet=True)
    assert api.load_predictor(version).columns == {"text": "message"}
    assert 'no column "massage"' in complaint(call("predict", chosen_run.path, file, "--text", "massage"))


@pytest.mark.slow
def test_a_run_that_was_killed_between_candidates_goes_on(
    chosen_run: Run, messages: Path, bare_preset: Path, tmp_path: Path
) -> None:
    def kill(event: Mapping[str, Any]) -> None:
        assert not list(tmp_path.rglob("evaluation.json"))
        if event["event"] == "candidate" and event["number"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.fit_plan(plan(messages, bare_preset), runs=tmp_path, quiet=True, on_event=kill)
    with pytest.raises(TrainingError, match="no run there"):
        api.open_run(tmp_path / "messages")
    with pytest.raises(TrainingError, match="started with other settings, or on other data"):
        api.fit_plan(plan(messages, bare_preset, quality="fast"), runs=tmp_path, quiet=True, resume=True)
    watcher = Trainings()
    arguments: dict[str, Any] = {"runs": tmp_path, "quiet": True, "resume": True, "observers": [watcher]}
    resumed_run = api.fit_plan(plan(messages, bare_preset), **arguments)
    assert watcher.starts == [0]
    assert [path.name for path in (tmp_path / "messages").iterdir()] == [resumed_run.path.name]
    assert resumed_run.evaluation == chosen_run.evaluation
    assert api.fit_plan(plan(messages, bare_preset), **arguments).path == resumed_run.path
    assert watcher.starts == [0]


@pytest.mark.slow
def test_a_candidate_that_does_not_learn_is_not_chosen(messages: Path, bare_preset: Path, tmp_path: Path) -> None:
    slow = plan(messages, bare_preset, training={"epochs": 1, "learning_rate": 1e-12})
    run = api.fit_plan(slow, runs=tmp_path, quiet=True)
    assert run.experiment.training.adapt == "head"
    assert run.folder.read("candidates")[0]["chosen"]


@pytest.mark.slow
def test_fit_takes_a_file_and_publishes_nothing(
    messages: Path, bare_preset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = {"preset": str(bare_preset), "max_length": 32}
    training = {"batch_size": 8, "epochs": 1}
    run = tfapp.fit(messages, quality="fast", name="m", model=model, training=training, quiet=True)
    assert run.path.parent == Path("runs/m")
    assert len(run.folder.read("candidates")) == 1
    assert not Path("models").exists()
    with pytest.raises(SettingsError, match="quality is one of fast, good, best, got 'god'; did you mean \"good\""):
        tfapp.fit(messages, quality="god")
    with pytest.raises(SettingsError, match="minutes must be over 0"):
        tfapp.fit(messages, minutes=0)
    with pytest.raises(SettingsError, match="unknown setting data"):
        tfapp.fit(messages, lable="kind")
    with pytest.raises(SettingsError, match="label: goes with a data file"):
        tfapp.fit(tmp_path / "a.toml", label="kind")
    with pytest.raises(SettingsError, match=r"data\.dev_share is 0"):
        tfapp.fit(messages, dev_share=0)


def test_settings_that_rule_a_candidate_out_are_told(messages: Path, bare_preset: Path) -> None:
    proposal = plan(messages, bare_preset, overrides=["training.word_dropout=0.1"])
    assert [candidate.name for candidate in proposal.candidates] == ["all weights"]
    assert any(note.startswith("output layer alone: left out, since training.word_dropout") for note in proposal.notes)
    with pytest.raises(SettingsError, match="unknown setting training"):
        plan(messages, bare_preset, overrides=["training.epocs=1"])


@pytest.mark.parametrize(
    ("minutes", "epochs", "note"),
    [
        (60, [2, 2], ""),
        (2.5, [2, 1], "all weights: 1 epoch, since more do not fit in 2.5 minutes"),
        (2.5, [2, 1], "learning curve: left out, since it does not fit in 2.5 minutes"),
        (1, [2], ""),
        (0.01, [2], ""),
    ],
)
def test_minutes_cut_epochs_and_candidates(
    messages: Path, bare_preset: Path, minutes: float, epochs: list[int], note: str
) -> None:
    timed_plan = plan(messages, bare_preset, minutes=minutes)
    seconds = (20, 212)
    timed_plan = replace(timed_plan, candidates=tuple(map(_with_seconds, timed_plan.candidates, seconds)))
    cut_plan = fit_into_minutes(timed_plan)
    fitting = [candidate for candidate in cut_plan.candidates if candidate.fits]
    assert [candidate.name for candidate in cut_plan.candidates] == [
        candidate.name for candidate in timed_plan.candidates
    ]
    assert [candidate.experiment.training.epochs for candidate in fitting] == epochs
    assert note in "\n".join(cut_plan.notes[len(timed_plan.notes) :])
    assert sum(candidate.seconds for candidate in fitting) <= max(60 * minutes, 20)


def test_an_estimate_counts_the_fits_of_the_output_layer(messages: Path, bare_preset: Path) -> None:
    full_plan = plan(messages, bare_preset, training={"epochs": 1})
    splits = load_splits(full_plan.experiment)
    head, deep = (candidate.seconds for candidate in with_estimates(full_plan, splits).candidates)
    train, dev = splits.train.num_rows, splits.dev.num_rows
    around = (
        with_estimates(full_plan, replace(splits, train=splits.train.slice(0, 0), dev=splits.dev.slice(0, 0)))
        .candidates[0]
        .seconds
    )
    # A step takes as long as reading its texts three times.
    reading = (deep - around) * (train + dev) / (3 * train + dev)
    assert head > around + reading


class CandidateClock(Trainings):
    """A clock that the steps of trainings set forward, the first by less; as it were, some step ends the process."""

    def __init__(self, first: float, seconds: float, *, dies_after: int = 10**6) -> None:
        super().__init__()
        self.first, self.seconds, self.dies_after = first, seconds, dies_after
        self.now, self.steps = 0.0, 0

    def __call__(self) -> float:
        return self.now

    def on_progress(self, step: int) -> None:
        del step
        self.now += self.first if len(self.starts) == 1 else self.seconds
        self.steps += 1
        if self.steps == self.dies_after:
            raise KeyboardInterrupt


def train_by(
    clock: CandidateClock, timed_plan: Plan, runs: Path, *, resume: bool = False
) -> tuple[Run, list[Mapping[str, Any]]]:
    events: list[Mapping[str, Any]] = []
    folder = train_candidates(
        timed_plan,
        runs,
        resume=resume,
        quiet=True,
        observers=[clock],
        on_event=events.append,
        clock=clock,
    )
    return Run(folder.path), events


@pytest.mark.slow
def test_a_candidate_ends_when_the_minutes_are_over_and_the_rest_is_left_out(
    messages: Path, bare_preset: Path, tmp_path: Path
) -> None:
    best = plan(messages, bare_preset, minutes=1, quality="best")
    clock = CandidateClock(0.2, 2.0)
    run, events = train_by(clock, best, tmp_path)
    assert 40 < clock.now <= 60
    candidates = {candidate["name"]: candidate for candidate in run.folder.read("candidates")}
    assert candidates["all weights"]["note"].startswith("all weights: ended after ")
    assert candidates["all weights"]["note"].endswith(" of 42 steps, as the time was over")
    ends = {event["name"]: event for event in events if event["event"] == "candidate_end"}
    assert ends["all weights"]["note"] == candidates["all weights"]["note"]
    left_out = [event for event in events if event["event"] == "candidate_left_out"]
    assert len(left_out) + len(ends) == len(best.candidates) == len(candidates)
    assert left_out
    for event in left_out:
        assert event["note"] == f"{event['name']}: left out, as there is no time for it in 1 minute"
        assert event["note"] in run.folder.read("choices")
        fields = {name: event[name] for name in ("name", "reason", "note")}
        assert candidates[event["name"]] == {**fields, "chosen": False}
        assert event["name"] in run.folder.report.read_text()
    assert run.folder.is_finished
    assert run.predict(["the ball and the goal"])["label"].tolist() == ["sport"]


@pytest.mark.slow
def test_what_was_left_out_is_trained_when_others_took_less_time_than_was_thought(
    messages: Path, bare_preset: Path, tmp_path: Path
) -> None:
    # By the estimates there is time for one of the two; by the clock both take none.
    run, events = train_by(CandidateClock(0.001, 0.001), plan(messages, bare_preset, minutes=0.35), tmp_path)
    names = [(event["event"], event["name"]) for event in events if event["event"] not in ("plan", "comparison")]
    head, deep = "output layer alone", "all weights"
    assert names == [
        *(("candidate", head), ("candidate_end", head), ("candidate_left_out", deep)),
        *(("candidate", deep), ("candidate_end", deep)),
    ]
    assert events[0]["candidates"][0]["name"] == head
    assert events[0]["left_out"][0]["name"] == deep
    assert events[4]["note"] == "all weights: there is time for it now"
    assert {candidate["name"] for candidate in run.folder.read("candidates") if "dev" in candidate} == {head, deep}
    assert not any("left out" in note and deep in note for note in run.folder.read("choices"))


@pytest.mark.slow
def test_the_time_before_a_kill_counts(messages: Path, bare_preset: Path, tmp_path: Path) -> None:
    short_plan = plan(messages, bare_preset, minutes=2)
    killed_clock = CandidateClock(0.5, 2.0, dies_after=90)
    with pytest.raises(KeyboardInterrupt):
        train_by(killed_clock, short_plan, tmp_path)
    second_clock = CandidateClock(2.0, 2.0)
    second_clock.now = 1000.0
    run, _ = train_by(second_clock, short_plan, tmp_path, resume=True)
    assert len(killed_clock.starts) == 2
    assert 2 <= second_clock.now - 1000 <= 120 - killed_clock.now
    # Five steps lie between two checkpoints.
    assert second_clock.starts[0] % 5 == 0 < second_clock.starts[0]
    assert any(" as the time was over" in note for note in run.folder.read("choices"))


def test_one_candidate_is_trained_whatever_the_time(messages: Path, bare_preset: Path, tmp_path: Path) -> None:
    run, events = train_by(CandidateClock(100.0, 100.0), plan(messages, bare_preset, minutes=0.01), tmp_path)
    assert [event["event"] for event in events] == ["plan", "candidate", "candidate_end", "candidate_left_out"]
    assert run.folder.read("candidates")[0]["note"].endswith(" of 166 texts, as the time was over")


def _with_seconds(candidate: PlannedCandidate, seconds: float) -> PlannedCandidate:
    return replace(candidate, seconds=seconds)
