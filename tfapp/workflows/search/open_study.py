"""Opens the study of a search: its database, and whether it is of the same search."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapp.config import dump_toml
from tfapp.config.search_space import SearchDimension
from tfapp.core.files import private_folder
from tfapp.core.locks import process_lock
from tfapp.errors import SettingsError, StoreError
from tfapp.workflows.search.study import (
    GRACE,
    HEARTBEAT,
    LOCK_TIMEOUT,
    MOST_STARTS,
    SearchStudy,
    folder_id,
    quiet_optuna,
)

if TYPE_CHECKING:
    import optuna

    from tfapp.config import Experiment

__all__ = ["open_study"]


def open_study(
    folder: Path, experiment: Experiment, dimensions: Sequence[SearchDimension], storage: str | None
) -> SearchStudy:
    """Opens the study of an experiment, or makes it.

    Args:
        folder: This machine's folder of it.
        experiment: Its settings.
        dimensions: What is searched.
        storage: The URL of a database that Optuna can use; None: a SQLite file in the folder.

    Raises:
        SettingsError: Optuna is not installed, or the study was started with other settings.
        StoreError: The database cannot be used.
    """
    try:
        import optuna
    except ImportError as error:
        raise SettingsError("tfapp search needs Optuna: pip install tfapp[search]") from error
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    private_folder(folder)
    with process_lock(folder / ".ask.lock", timeout=LOCK_TIMEOUT), quiet_optuna():
        try:
            study = optuna.create_study(
                study_name=experiment.name,
                storage=_make_storage(storage, folder),
                direction="maximize",
                # An epoch says little before the rate has risen.
                pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2),
                load_if_exists=True,
            )
        except (ImportError, ValueError, SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            location = _without_password(storage) if storage else folder / "study.db"
            reason = str(error).splitlines()[0]
            raise StoreError(f"{location}: Optuna cannot use this database: {reason}") from error
        result = SearchStudy(study, folder)
        if storage is None:
            study.set_user_attr("home", folder_id(folder))
        has_space = experiment.search is not None and bool(experiment.search.model_extra)
        defaults = _identity(_defaults(experiment), ())
        _check_same_search(study, _identity(experiment, dimensions), folder, defaults, has_space=has_space)
    return result


def _make_storage(url: str | None, folder: Path) -> optuna.storages.RDBStorage:
    import optuna
    from sqlalchemy.engine import URL

    retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=MOST_STARTS - 1)
    options: dict[str, Any] = {
        "heartbeat_interval": HEARTBEAT,
        "grace_period": GRACE,
        "heartbeat_stale_trial_callback": lambda study, trial: retry(study, _without_owner(trial)),
    }
    if url is None:
        # Processes that share the file wait for each other's writes.
        options["engine_kwargs"] = {"connect_args": {"timeout": 60}}
        url = URL.create("sqlite", database=str(folder.resolve() / "study.db")).render_as_string()
    return optuna.storages.RDBStorage(url, **options)


def _without_owner(trial: optuna.trial.FrozenTrial) -> optuna.trial.FrozenTrial:
    """Returns a trial that nobody owns, to be tried again."""
    trial.user_attrs.clear()
    return trial


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "--storage"


def _identity(experiment: Experiment, dimensions: Sequence[SearchDimension]) -> dict[str, str]:
    """Returns the entries that must be equal in all processes and calls, by name; the place of the data may differ."""
    values = tomllib.loads(dump_toml(experiment, without={"search", "export", "name"}))
    for name in ("train", "dev", "test"):
        values["data"].pop(name, None)
    space = {f"search.{dimension.name}": dimension.describe() for dimension in dimensions}
    names = {dimension.name for dimension in dimensions}
    return {name: value for name, value in _leaves(values) if name not in names} | space


def _defaults(experiment: Experiment) -> Experiment:
    """Returns an experiment of the same task in which nothing is set."""
    values = {"name": experiment.name, "task": experiment.task, "data": {"train": experiment.data.train}}
    return type(experiment).model_validate(values)


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value, default=str)


def _check_same_search(
    study: optuna.Study, identity: Mapping[str, str], folder: Path, defaults: Mapping[str, str], *, has_space: bool
) -> None:
    earlier = study.user_attrs.get("settings")
    if earlier is None:
        study.set_user_attr("settings", dict(identity))
        return
    # A setting that came with a newer version had its default before.
    earlier = {name: value for name, value in defaults.items() if name in identity} | earlier
    names = sorted(name for name in {*earlier, *identity} if earlier.get(name) != identity.get(name))
    if names:
        listed_names = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        if not has_space and all(name.startswith("search.") for name in names):
            raise SettingsError(
                f"{folder}: this search was started with another default space ({listed_names}), which may change with "
                "tfapp and with the settings around which it lies; write the space of before into a section [search], "
                "or give another name to start a new one"
            )
        raise SettingsError(
            f"{folder}: this search was started with other settings ({listed_names}); give them again, "
            "or another name to start a new one"
        )
