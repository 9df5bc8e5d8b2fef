"""Folders: each layout on synthetic data, and what other implementations answer where their answers are at hand."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from scipy import stats

from backtests.cross_correlation import residual_correlation
from backtests.event_study import EventStudy
from backtests.study_arrays import clustered_mean
from backtests.study_cases import run_case
from backtests.study_inputs import read_case
from research.errors import DataError, SchemaError

ANCHORS = Path(__file__).parents[3] / "shared" / "eventstudy"
FOLDERS = sorted(path.name for path in ANCHORS.iterdir() if path.is_dir()) if ANCHORS.exists() else []
anchored = pytest.mark.skipif(not FOLDERS, reason="answers of other implementations are not published with the code")

DAYS = [date(2021, 1, 4) + timedelta(days=i) for i in range(120)]


def wide(seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    market = rng.normal(0, 0.01, 120)
    columns = {name: beta * market + rng.normal(0, 0.02, 120) for name, beta in (("AA", 0.8), ("BB", 1.2), ("CC", 1.0))}
    return pl.DataFrame({"date": DAYS, **columns, "IDX": market})


def write(folder: Path, **tables: pl.DataFrame) -> Path:
    for name, table in tables.items():
        table.write_csv(folder / f"{name}.csv")
    return folder


def prices(table: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    first = pl.DataFrame({"symbol": names, "date": [DAYS[0] - timedelta(days=1)] * len(names), "adjusted": [100.0] * len(names)})
    rest = [table.select(symbol=pl.lit(name), date="date", adjusted=100 * (1 + pl.col(name)).cum_prod()) for name in names]
    return pl.concat([first, *rest])


def statistic(found: dict[str, Any], test: str, window: tuple[int, int], conventions: str = "textbook", group: str = "all") -> float | None:
    rows = found["tests"][conventions]
    (row,) = (r for r in rows if (r["test"], r["window_start"], r["window_end"], r["group"]) == (test, *window, group))
    return row["statistic"]


def test_prices_and_returns_are_the_same_study(tmp_path):
    table = wide()
    zero = DAYS[100]
    for name in ("calendar", "prices"):
        (tmp_path / name).mkdir()
    events = pl.DataFrame({"event_id": [1, 2, 3], "security": ["AA", "BB", "CC"], "event_date": [zero] * 3})
    calendar = write(tmp_path / "calendar", returns=table.drop("IDX"), market=table.select("date", "IDX"), events=events)
    config = {"model": "sim", "return_type": "simple", "estimation_start": str(DAYS[20]), "estimation_end": str(DAYS[94])}
    (calendar / "config.json").write_text(json.dumps(config | {"event_start": str(DAYS[100]), "event_end": str(DAYS[104])}))
    relative = events.rename({"security": "firm_symbol"}).with_columns(
        index_symbol=pl.lit("IDX"), event_window_start=0, event_window_end=4, shift_estimation_window=-6, estimation_window_length=75
    )
    priced = write(
        tmp_path / "prices", firm_prices=prices(table, ["AA", "BB", "CC"]), market_prices=prices(table, ["IDX"]), events=relative
    )
    first, second = run_case(calendar), run_case(priced)
    assert first["estimation"] == second["estimation"] == [-80, -6]
    assert (first["window"], first["returns"]) == ([0, 4], "simple")
    assert list(first["models"]) == ["market"]
    assert [name for name in second["models"] if name != "garch"] == ["market", "market_adjusted", "constant"]
    one, other = first["models"]["market"], second["models"]["market"]
    for mine, theirs in zip(one["events"], other["events"], strict=True):
        np.testing.assert_allclose(mine["ar"], theirs["ar"], rtol=1e-8, atol=1e-12)
    study = EventStudy(estimation=(-80, -6), window=(0, 4), min_obs=30)
    case = read_case(calendar)
    direct = study.fit_returns(case.events, case.returns, case.market)
    assert statistic(one, "bmp", (0, 4)) == direct.tests(windows=[(0, 4)], tests=["bmp"])["statistic"][0]
    event = one["events"][0]
    np.testing.assert_allclose(np.cumsum(event["ar"]), event["car_path"])
    assert (event["car"], event["bhar"], event["car_std_error"]) == tuple(
        pytest.approx(event[name][-1]) for name in ("car_path", "bhar_path", "car_path_std_error")
    )
    json.dumps(first, allow_nan=False)


def test_other_layouts(tmp_path):
    table = wide()
    zero = DAYS[100]
    for name in ("factors", "panel", "firms"):
        (tmp_path / name).mkdir()
    factors = pl.DataFrame(
        {"date": DAYS, "market_excess": table["IDX"], "smb": wide(5)["IDX"], "hml": wide(6)["IDX"], "risk_free_rate": [1e-4] * 120}
    )
    events = pl.DataFrame({"event_id": [1, 2], "firm_symbol": ["AA", "BB"], "index_symbol": ["IDX"] * 2, "event_date": [zero] * 2})
    windows = {"event_window_start": -1, "event_window_end": 1, "shift_estimation_window": -2, "estimation_window_length": 80}
    with_factors = write(
        tmp_path / "factors",
        firm_prices=prices(table, ["AA", "BB"]).with_columns(firm_volume=pl.int_range(pl.len()) % 97 + 1),
        market_prices=prices(table, ["IDX"]),
        factors=factors,
        events=events.with_columns(**{name: pl.lit(value) for name, value in windows.items()}),
    )
    found = run_case(with_factors)
    assert [name for name in found["models"] if name != "garch"] == ["market", "market_adjusted", "constant", "ff3", "volume"]
    assert {"beta_market_excess", "beta_smb", "beta_hml"} <= set(found["models"]["ff3"]["events"][0])
    long = table.unpivot(index="date", on=["AA", "BB"], variable_name="subject_id", value_name="ret_dlst_adj").join(
        table.select("date", vwretd="IDX"), on="date"
    )
    panel = write(tmp_path / "panel", panel=long, events=pl.DataFrame({"subject_id": ["AA", "BB"], "EVT_DATE": [zero] * 2}))
    (panel / "config.json").write_text(json.dumps({"estperiod": 50, "gap": 10, "start": -1, "end": 1}))
    assert run_case(panel)["estimation"] == [-59, -12]
    firms = write(
        tmp_path / "firms",
        firms=long.select(id_firm="subject_id", date="date", ret="ret_dlst_adj"),
        markets=table.select(date="date", ret_m="IDX", id_market=pl.lit("M")),
        events=pl.DataFrame(
            {"id_event": ["x", "y"], "id_firm": ["AA", "BB"], "id_market": ["M", "M"], "date": [zero] * 2, "id_group": ["g", "h"]}
        ),
    )
    (firms / "config.json").write_text(json.dumps({"windows": {"estimation": [-60, -11], "event": [[-1, 1], [0, 1]]}}))
    found = run_case(firms)
    assert (found["estimation"], found["window"]) == ([-60, -11], [-1, 1])
    assert {row["group"] for row in found["models"]["market"]["average"]} == {"g", "h"}


def test_folders_that_fit_no_layout(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        run_case(tmp_path / "absent")
    with pytest.raises(DataError, match="holds nothing"):
        run_case(tmp_path)
    write(tmp_path, events=pl.DataFrame({"event_id": [1], "security": ["AA"], "event_date": [DAYS[100]]}))
    with pytest.raises(DataError, match=r"expected returns.csv or firm_prices.csv"):
        run_case(tmp_path)
    write(tmp_path, returns=wide(), events=pl.DataFrame({"event_id": [1], "event_date": [DAYS[100]]}))
    with pytest.raises(SchemaError, match="security"):
        run_case(tmp_path)


def test_clustered_means_agree_with_statsmodels():
    rng = np.random.default_rng(1)
    firm, day = rng.integers(0, 12, 200), rng.integers(0, 15, 200)
    values = 0.1 + rng.normal(size=200) + rng.normal(size=12)[firm] + rng.normal(size=15)[day]
    for clusters in ([firm], [day]):
        fitted = sm.OLS(values, np.ones(200)).fit(
            cov_type="cluster", cov_kwds={"groups": clusters[0], "df_correction": False, "use_correction": False}
        )
        size = len(np.unique(clusters[0]))
        expected = fitted.params[0] / fitted.bse[0] / np.sqrt(size / (size - 1))
        found = clustered_mean(values, clusters)
        assert (found.statistic, found.df) == (pytest.approx(expected, rel=1e-10), size - 1)
    assert clustered_mean(values, [firm, day]).df == 11
    assert clustered_mean(values, [np.zeros(200, dtype=np.int64)]).statistic is None


def test_given_matrix_agrees_with_scipy(tmp_path):
    matrix = np.random.default_rng(2).normal(0.2, 1, (25, 3))
    write(tmp_path, ar_matrix=pl.DataFrame({"event_id": range(25), **{f"V{j}": matrix[:, j] for j in range(3)}}))
    days = run_case(tmp_path)["days"]
    assert [row["day"] for row in days] == [-1, 0, 1, None]
    for row, values in zip(days, [*matrix.T, matrix.sum(axis=1)], strict=True):
        t = stats.ttest_1samp(values, 0)
        assert (row["t"], row["t_p_value"]) == (pytest.approx(t.statistic), pytest.approx(t.pvalue))
        assert row["binomial_p_value"] == pytest.approx(stats.binomtest(int((values > 0).sum()), 25).pvalue)
        assert row["wilcoxon_p_value"] == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


# ---------------------------------------------------------------------------------------------- answers of others


@anchored
@pytest.mark.parametrize("folder", [name for name in FOLDERS if not name.startswith(("G05", "G08", "G10"))])
def test_every_folder_runs(folder):
    found = run_case(ANCHORS / folder)
    json.dumps(found, allow_nan=False)
    assert all("error" not in model for model in found.get("models", {}).values())


@anchored
def test_estudy2_prints_these():
    """Patell and BMP to 1e-9; the rest of its tests are wrong on days with missing firms, and so are not compared."""
    found = run_case(ANCHORS / "G01_estudy2_sim_covid_na")["models"]["market"]
    daily = json.loads((ANCHORS / "G01_estudy2_sim_covid_na" / "expected.json").read_text())["daily"]
    names = {
        "patell": ("patell", "pt_stat"), "bmp": ("boehmer", "bh_stat"), "cross_sectional": ("t_test", "t_test_stat"),
        "sign": ("sign_test", "sign_stat"), "time_series": ("brown_warner_1985", "bw_1985_stat"), "wilcoxon": ("wilcoxon_test", "wlcx_stat"),
    }  # fmt: skip
    for day in range(5):
        for test, (table, column) in names.items():
            assert statistic(found, test, (day, day), "estudy2") == pytest.approx(daily[table][day][column], rel=1e-9)
        # its sd divides by T − 1 and its forecast error counts market days the firm did not have: 0.3 % from the papers' statistic
        assert statistic(found, "patell", (day, day)) == pytest.approx(daily["patell"][day]["pt_stat"], rel=3e-3)
        assert statistic(found, "patell", (day, day)) != pytest.approx(daily["patell"][day]["pt_stat"], rel=1e-4)
        # 40 of 245 days lack a firm, and its spread of the daily ranks is 4 % too wide there
        rank = statistic(found, "corrado_rank", (day, day), "estudy2") / daily["rank_test"][day]["rank_stat"]
        assert rank == pytest.approx(1.0380914777, rel=1e-9)


@anchored
def test_sipemu_prints_these():
    case = "G04b_sipemu_sp500_est115"
    found = run_case(ANCHORS / case)["models"]["market"]
    model = json.loads((ANCHORS / case / "expected.json").read_text())["results"]["MarketModel"]
    tables = model["multi"][0]
    names = {
        "patell": ("PatellZ", "aar_z", "caar_z"), "bmp": ("BMP", "bmp_t", "cbmp_t"), "kolari_pynnonen": ("KP", "kp_t", "ckp_t"),
        "cross_sectional": ("CSectT", "aar_t", "caar_t"), "generalized_sign": ("GSignT", "gsign_z", "cgsign_z"), "sign": ("SignT", "sign_z", "csign_z"),
    }  # fmt: skip
    for tau in range(-5, 5):
        for test, (table, one, many) in names.items():
            row = tables[table][tau + 5]
            for window, column in (((tau, tau), one), ((-5, tau), many)):
                assert statistic(found, test, window, "sipemu") == pytest.approx(row[column], rel=1e-8, abs=1e-12)
    # on the last day one firm has left the market: it is still counted by Patell there, and not by the papers
    last = tables["PatellZ"][10]["aar_z"]
    assert statistic(found, "patell", (5, 5), "sipemu") == pytest.approx(last, rel=1e-8)
    assert statistic(found, "patell", (5, 5)) == pytest.approx(last * np.sqrt(16 / 15), rel=1e-8)
    # its cumulated SCARs leave out that the days share their estimation error: 4.6 % too far out over ten days
    whole = tables["PatellZ"][9]["caar_z"]
    assert statistic(found, "patell", (-5, 4)) < whole < 1.06 * statistic(found, "patell", (-5, 4))
    for answer in model["per_event"]:
        (event,) = (e for e in found["events"] if e["event_id"] == answer["event_id"])
        (plain,) = (e for e in _by_convention(found, "sipemu") if e["event_id"] == answer["event_id"])
        assert event["alpha"] == pytest.approx(answer["alpha"], rel=1e-8)
        if len(answer["car_t"]) == 11 and event["n_days"] == 11:
            assert plain["t"] == pytest.approx(answer["car_t"][-1], rel=1e-8)
    families = {"CSectT_BH": ("cross_sectional", "p_benjamini_hochberg"), "CSectT_holm": ("cross_sectional", "p_holm")}
    for name, (test, column) in families.items():
        for answer in model["p_adjusted"][name]:
            tau = answer["relative_index"]
            (row,) = (r for r in found["tests"]["textbook"] if (r["test"], r["window_start"], r["window_end"]) == (test, tau, tau))
            assert row[column] == pytest.approx(answer["p_adj_aar"], rel=1e-8)


def _by_convention(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = found["events_by_convention"][name]
    return rows


@anchored
def test_figures_asserted_elsewhere_and_those_of_the_papers():
    """Standardising by (FEC)^¼, a running 1/√k and a standard error in GRANK make 1.770422 and 4.151076 of 1.976 and 2.38."""
    case = "G12_eventstudyjl_asserted"
    found = run_case(ANCHORS / case)["models"]["market"]
    asserted = json.loads((ANCHORS / case / "expected.json").read_text())["asserted"]
    values = {(row["table"], row["group"], row["start"], row["end"], row["field"]): row["value"] for row in asserted}
    for row in found["average"]:
        key = ("results_aar", row["group"], row["tau"], row["tau"])
        assert row["aar"] == pytest.approx(values.get((*key, "aar"), row["aar"]), abs=6e-7)
        # one firm leaves on the last day, which it still counts
        assert row["n_events"] == values[(*key, "N")] or row["tau"] == 5
    group = "G1"
    assert values[("results_caar", group, 0, 1, "boehmer_kolari")] == 1.770422
    assert values[("results_caar", group, 0, 1, "grankt")] == 4.151076
    assert statistic(found, "grank_t", (0, 1), group=group) == pytest.approx(2.3764985037440525, rel=1e-9)
    assert statistic(found, "bmp", (0, 1), group=group) == pytest.approx(2.2159093045698794, rel=1e-9)
    # residuals paired by relative day, as if day 0 were common
    assert statistic(found, "kolari_pynnonen", (0, 1), "common_day", group) == pytest.approx(1.976, abs=5e-4)
    # day 0 differs between most of them: in calendar time few windows meet, and little is left to correct
    assert statistic(found, "kolari_pynnonen", (0, 1), group=group) == pytest.approx(2.209193562, rel=1e-8)


@anchored
def test_given_residuals_and_the_correlation_of_their_program():
    folder = ANCHORS / "G06_eventstudystatistics_adjbmp_grank"
    found = run_case(folder)["models"]["given"]
    expected = json.loads((folder / "expected.json").read_text())["results"]
    # theirs: the market's sum of squares over the event window
    assert statistic(found, "bmp", (0, 1)) == pytest.approx(expected["BMP_car[0,1]"]["statistic"], rel=0.05)
    assert statistic(found, "grank_t", (0, 1)) == pytest.approx(expected["grank_car[0,1]"]["statistic"], rel=0.06)
    residuals = pl.read_csv(folder / "EPS.csv").drop("event_id").to_numpy()
    r = residual_correlation(residuals, np.zeros(16, dtype=np.int64), np.arange(residuals.shape[1])[None, :])
    bmp = statistic(found, "bmp", (-5, 5))
    assert statistic(found, "kolari_pynnonen", (-5, 5)) == pytest.approx(bmp * np.sqrt((1 - r) / (1 + 15 * r)), rel=1e-10)
