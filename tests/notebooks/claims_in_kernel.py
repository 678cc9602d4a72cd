"""What lessons that train or tune say about their numbers, held against the lesson's own variables after a full run.

Imported in the kernel of the notebook, at its end; not by the tests. What needs no training stands in `test_claims.py`.
"""

import sys
from types import SimpleNamespace

import numpy as np

import workbench as wb


def hold(number: str, names: dict) -> None:
    """Call every claim of the lesson with its variables, and name those that do not hold."""
    lesson = SimpleNamespace(**names)
    failed = []
    for name, claim in vars(sys.modules[__name__]).items():
        if name.startswith(f"claim_{number}_"):
            try:
                claim(lesson)
            except AssertionError as error:
                failed.append(f"{name} {error}".strip())
    assert failed == [], failed


# ---------------------------------------------------------------- 11


def claim_11_links_gain_more_than_densities_which_may_harm_and_both_right_are_nearly_perfect(v):
    gain = v.gains.pivot_table(index="level", columns="head", values="gain")
    assert (gain["links"] > gain["density"]).all(), gain
    assert gain["density"].min() < 0, gain
    assert v.answer > 0.99  # exercise 3, the ceiling


def claim_11_many_cuts_do_not_last(v):
    assert (v.merges.head(10)["f_gain"] > 0).all()
    lasts = [v.final_f(v.Intervention(edits=[v.Edit(m.level, m.child_image, m.parent_image, 0)])) - v.base > m.f_gain / 2
             for m in v.merges.head(10).itertuples()]  # fmt: skip
    assert sum(lasts) < 6, lasts


# ---------------------------------------------------------------- 15


def _moves(curve) -> np.ndarray:
    """What each answer adds to BCubed F, where it changes anything."""
    added = curve["bcubed_f"].diff().iloc[1:].to_numpy()
    return added[np.abs(added) > 1e-6]


def claim_15_a_random_pair_changes_nothing_and_questions_a_staircase(v):
    assert v.val.n_classes == 40
    assert len(_moves(v.at_random)) <= 2
    moves = _moves(v.ours)
    assert v.n / 8 < len(moves) < v.n / 3, moves  # about one in five
    assert (moves < 0).sum() == 1, moves
    gain = v.ours["bcubed_f"].iloc[-1] - v.ours["bcubed_f"].iloc[0]
    assert v.ours["bcubed_f"].iloc[-1] - v.ours["bcubed_f"].iloc[v.n // 2] > gain / 3
    assert _half(v.ours) > v.n / 2


def _half(curve) -> int:
    f = curve["bcubed_f"].to_numpy()
    return int(np.argmax(f >= (f[0] + f[-1]) / 2))


def claim_15_nearest_peaks_leads_at_first_and_then_stands_still(v):
    mine, ours = v.mine["bcubed_f"].to_numpy(), v.ours["bcubed_f"].to_numpy()
    assert mine[5] == mine[-1] > ours[5]
    assert ours[-1] > mine[-1]
    assert v.mine["n_clusters"].is_monotonic_decreasing


def claim_15_undo_gives_the_very_same_labels(v):
    before = v.model.labels_.copy()
    v.model.answer(v.a, v.b, same=bool(v.labels[v.a] == v.labels[v.b]))
    assert (v.model.labels_ != before).any()
    assert (v.model.undo().labels_ == before).all()


def claim_15_a_wrong_yes_costs_more_than_many_right_answers_bring_and_a_wrong_no_costs_less(v):
    cost = v.right - v.wrong
    assert (v.ours["bcubed_f"] - v.ours["bcubed_f"].iloc[0] < cost).sum() > 10
    other = wb.HiLander().fit(v.features)
    inside = np.flatnonzero((other.labels_ == other.labels_[v.first]) & (v.labels == v.labels[v.first]))
    other.answer(v.first, int(inside[inside != v.first][0]), same=False)
    assert v.right - wb.scores(v.labels, other.labels_)["bcubed_f"] < cost
    assert v.answer < v.right  # exercise 3: one answer in five is wrong
