"""The published figures: read from the package, none lost, each with its source."""

from importlib.resources import files

import pandas as pd
import pytest

from workbench.experiments.published import METRICS, published_claims, published_results

TABLE = published_results()


def test_figures_known_from_the_sources():
    value = published_results(method="Hi-LANDER", data="Hannah").set_index("metric")["value"]
    assert value.to_dict() == {"pairwise_f": 0.741, "bcubed_f": 0.706, "nmi": 0.81}
    assert published_results(method="GCN-V+E", data="MS1M 584K", metric="pairwise_f")["value"].item() == 0.8793


def test_every_figure_is_a_share_with_a_source_and_stands_once():
    assert TABLE["value"].between(0, 1).all()
    assert set(TABLE["metric"]) == set(METRICS)
    assert TABLE["source"].str.len().min() > 5
    assert not TABLE.duplicated(["method", "data", "metric"]).any()
    assert TABLE["first_hand"].dtype == bool
    own = {"Hi-LANDER", "Hi-LANDER (first variant)", "Ada-NETS", "FC-ES", "FC-ESER", "LCEPCE", "GCN-D", "GCN-V+E"}
    assert set(TABLE.loc[TABLE["first_hand"], "method"]) == own
    copied = TABLE["source"].str.startswith(("READMEs of", "wizwand"))  # tables that repeat other people's figures
    assert not TABLE.loc[copied, "first_hand"].any()
    assert set(TABLE["distribution"]) == {"seen", "unseen", ""}


def test_ms1m_and_only_ms1m_grows():
    grown = TABLE[TABLE["images"].notna()]
    assert set(grown["data"]) == {name for name in TABLE["data"] if name.startswith("MS1M")}
    numbers = grown["data"].str.extract(r"MS1M ([\d.]+)([KM])")
    thousands = numbers[0].astype(float) * numbers[1].map({"K": 1, "M": 1000}) * 1000
    assert (thousands.round() == grown["images"]).all()


def test_choices_combine_and_keep_the_tables_order():
    some = published_results(data=["MS1M 584K", "DeepFashion"], metric="bcubed_f", method=["Infomap", "LCEPCE"])
    assert some[["method", "data"]].values.tolist() == [
        ["Infomap", "MS1M 584K"],
        ["LCEPCE", "MS1M 584K"],
        ["LCEPCE", "DeepFashion"],
    ]
    assert list(some.index) == [0, 1, 2]
    assert len(published_results(metric=METRICS)) == len(TABLE)


def test_the_papers_own_sets_have_the_papers_method_alone():
    own = TABLE[TABLE["distribution"] != ""]
    assert own["method"].str.startswith("Hi-LANDER").all()
    assert len(set(own["data"])) == 5


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"data": "MS1M 600K"}, "data: expected one of .* got 'MS1M 600K'; did you mean .*'MS1M 584K'"),
        ({"metric": "f"}, "metric: expected one of 3"),
        ({"method": ["Infomap", "infomapp"]}, "got 'infomapp'; did you mean 'Infomap'"),
        ({"method": "Infomap", "data": "Hannah"}, "no published figure fits"),
        ({"metric": []}, "no published figure fits"),
    ],
)
def test_a_name_that_is_not_there(choice, words):
    with pytest.raises(ValueError, match=words):
        published_results(**choice)


def test_claims_are_told_with_where():
    claims = published_claims()
    assert claims["where"].str.len().min() > 5
    assert claims.loc[claims["over"] == "unsupervised clustering", "gain_f"].tolist() == [47]
    assert pd.isna(claims["gain_nmi"].iloc[-1])


def test_the_tables_are_inside_the_package():
    folder = files("workbench.experiments.published")
    assert sorted(p.name for p in folder.iterdir() if p.name.endswith(".csv")) == ["claims.csv", "results.csv"]
    assert len(pd.read_csv(folder / "results.csv")) == len(TABLE)
