"""Exported trees say what scikit-learn says, taken apart or not, and damaged ones are refused."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from session_buddy.errors import InvalidInput
from session_buddy.prediction.calibration import chance_of
from session_buddy.prediction.forest import Forest, averaged, exported


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(800, 5)).round(2)


@pytest.fixture(scope="module")
def model(features: np.ndarray) -> HistGradientBoostingClassifier:
    label = features[:, 0] + features[:, 1] * features[:, 2] > 0
    return HistGradientBoostingClassifier(max_iter=30, random_state=1).fit(features, label)


def test_the_same_as_the_model(features: np.ndarray, model: HistGradientBoostingClassifier) -> None:
    forest = exported(model, features[:5])
    told = chance_of(forest.values(features))
    np.testing.assert_allclose(told, model.predict_proba(features)[:, 1], rtol=0, atol=1e-9)
    others = np.random.default_rng(2).normal(size=(5_000, 5)) * 3
    np.testing.assert_allclose(chance_of(forest.values(others)), model.predict_proba(others)[:, 1], rtol=0, atol=1e-9)


def test_the_same_for_quantiles(features: np.ndarray) -> None:
    model = HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=20).fit(features, features[:, 0])
    np.testing.assert_allclose(exported(model, features).values(features), model.predict(features), rtol=0, atol=1e-9)


def test_contributions_make_the_value(features: np.ndarray, model: HistGradientBoostingClassifier) -> None:
    forest = exported(model, features[:5])
    base, amounts = forest.contributions(features)
    assert amounts.shape == features.shape
    np.testing.assert_allclose(base + amounts.sum(axis=1), forest.values(features), rtol=0, atol=1e-9)
    # The label follows from the first three alone.
    assert np.abs(amounts[:, :3]).mean() > 5 * np.abs(amounts[:, 3:]).mean()


def test_what_a_use_begins_with_is_the_mean_of_all(features: np.ndarray) -> None:
    model = HistGradientBoostingRegressor(max_iter=15, min_samples_leaf=5).fit(features, features[:, 0])
    base, _ = exported(model, features).contributions(features)
    assert base == pytest.approx(model.predict(features).mean(), abs=1e-9)


def test_the_mean_of_forests(features: np.ndarray, model: HistGradientBoostingClassifier) -> None:
    other = HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=4).fit(features, features[:, 3] > 0)
    first, second = exported(model, features), exported(other, features)
    both = averaged([first, second])
    np.testing.assert_allclose(both.values(features), (first.values(features) + second.values(features)) / 2)
    base, amounts = both.contributions(features)
    np.testing.assert_allclose(base + amounts.sum(axis=1), both.values(features))


def test_no_rows(features: np.ndarray, model: HistGradientBoostingClassifier) -> None:
    assert exported(model, features).values(features[:0]).shape == (0,)


def test_kept_and_read(features: np.ndarray, model: HistGradientBoostingClassifier) -> None:
    forest = exported(model, features[:5])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(forest), type=Forest) == forest


@pytest.mark.parametrize("field", ["roots", "features", "thresholds", "lefts", "rights", "nodes", "depth"])
def test_a_damaged_forest_is_refused(field: str, features: np.ndarray, model: HistGradientBoostingClassifier) -> None:
    told = msgspec.to_builtins(exported(model, features[:5]))
    if field == "depth":
        told[field] = 10**9
    elif field in ("thresholds", "nodes"):
        told[field] = told[field][:-8] if isinstance(told[field], bytes) else told[field][:-12]
    else:
        told[field] = np.full(len(msgspec.convert(told, Forest).features) // 4, 10**6, dtype="<i4").tobytes()
    with pytest.raises((InvalidInput, msgspec.ValidationError), match="damaged"):
        msgspec.convert(told, Forest)


def test_a_model_that_would_say_something_else_is_refused(
    features: np.ndarray, model: HistGradientBoostingClassifier
) -> None:
    class Changed:
        _predictors = model._predictors
        _baseline_prediction = model._baseline_prediction
        n_features_in_ = 5

        def decision_function(self, rows: np.ndarray) -> np.ndarray:
            told: np.ndarray = model.decision_function(rows) + 1e-6
            return told

    with pytest.raises(InvalidInput, match="does not say the same"):
        exported(Changed(), features)
