"""Gradient boosting by scikit-learn, a few of them with a draw of their own, kept as plain trees. Pure.

The higher a rate so far, the likelier a use completes, all else equal: trees may not learn otherwise (monotone
constraints). That, few leaves, and a third of the features at each split keep few uses from being learned by heart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from session_buddy.prediction.features import FEATURES, RATES
from session_buddy.prediction.forest import Forest, averaged, exported

__all__ = ["fit_boosting"]

Numbers = NDArray[np.float64]
_ROUNDS = 200
_RATE = 0.05
_LEAVES = 8
_LEAST_IN_LEAF = 20
_FEATURES_AT_SPLIT = 0.3
_BAGS = 3
_ENOUGH = 50_000
"""With so many uses one draw says what three would."""
_CHECKED = 500


def fit_boosting(features: Numbers, completed: NDArray[np.bool_], *, seed: int) -> Forest:
    """Return a forest whose values are log-odds; both outcomes must be there."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    looked_at = features[:, : len(FEATURES)]
    bags = _BAGS if len(completed) < _ENOUGH else 1
    forests = []
    for bag in range(bags):
        model = HistGradientBoostingClassifier(
            max_iter=_ROUNDS,
            learning_rate=_RATE,
            max_leaf_nodes=_LEAVES,
            min_samples_leaf=_LEAST_IN_LEAF,
            l2_regularization=1.0,
            max_features=_FEATURES_AT_SPLIT,
            monotonic_cst=[1 if name in RATES else 0 for name in FEATURES],
            early_stopping=False,
            random_state=seed + bag,
        )
        # Threads that wait for each other at every node take many times as long as one alone where a machine is busy.
        with threadpool_limits(limits=1):
            model.fit(looked_at, completed)
            forests.append(exported(model, looked_at[:_CHECKED]))
    return averaged(forests)
