"""Our figures beside those other programs printed, figure by figure: ``python tests/test_backtests/study_answers.py FOLDER...``.

A folder holds a case and the answers to it (``expected.json``). A figure that differs has a reason; without one it must agree.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backtests.study_cases import run_case


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; ``reason`` says why the papers' number, ours, is another."""

    name: str
    ours: float | None
    theirs: float | None
    reason: str | None = None

    @property
    def difference(self) -> float:
        """Relative difference; infinite where one of the two is missing."""
        if self.ours is None or self.theirs is None:
            return 0.0 if self.ours is self.theirs else math.inf
        return abs(self.ours - self.theirs) / max(abs(self.theirs), 1e-12) if self.ours != self.theirs else 0.0


PER_DAY_T = "sigma with divisor T and no forecast error; the mean model's variance includes event days"
BROKEN = "repeats the first day's value on every day"
TOOLKIT = "no (T − 2)/(T − 4) and no forecast error"
EVENTSTUDY2 = "standardised by (FEC)^¼, running 1/√k weights, a standard error in GRANK"
EVENT_SPREAD = "the market's sum of squares over the event window, an inner product for a correlation"
COUNTED = "an event without a return is counted"


def statistics(model: dict[str, Any], conventions: str, group: str = "all") -> dict[tuple[str, int, int], dict[str, Any]]:
    return {(row["test"], row["window_start"], row["window_end"]): row for row in model["tests"][conventions] if row["group"] == group}


def each(name: str, ours: list[Any], theirs: list[Any], reason: str | None = None) -> Iterator[Figure]:
    """Yield the figures of two lists; a cumulated sum that crosses a missing day is absent in theirs."""
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        yield Figure(f"{name}[{number}]", mine, other, reason)


def estudy2(found: dict[str, Any], expected: dict[str, Any]) -> Iterator[Figure]:
    (model,) = found["models"].values()
    for event, by, security in zip(model["events"], model["events_by_convention"]["estudy2"], expected["per_security"], strict=True):
        label = security["security"]
        yield Figure(f"{label} length", event["n_obs"], security["estimation_length"])
        for name in ("alpha", "beta"):
            if name in security:
                yield Figure(f"{label} {name}", event[name], security[name])
        yield Figure(f"{label} sigma", by["sigma"], security["sd_estimation_residual_ddof1"])
        for name, theirs in (("expected_return", "expected"), ("ar", "abnormal"), ("car_path", "car_cumulative")):
            yield from each(f"{label} {name}", event[name], security[theirs])
    rows = statistics(model, "estudy2")
    names = {
        "brown_warner_1980": "brown_warner", "brown_warner_1985": "time_series", "t_test": "cross_sectional", "patell": "patell", "boehmer": "bmp",
        "lamb": "lamb", "sign_test": "sign", "generalized_sign_test": "generalized_sign", "corrado_sign_test": "corrado_zivney_sign",
        "rank_test": "corrado_rank", "modified_rank_test": "modified_rank", "wilcoxon_test": "wilcoxon",
    }  # fmt: skip
    for theirs, test in names.items():
        for day, row in enumerate(expected["daily"].get(theirs, [])):
            (column,) = (name for name in row if name.endswith("_stat"))
            yield Figure(f"{test} day {day}", rows[(test, day, day)]["statistic"], row[column])
            if "mean" in row:
                yield Figure(f"aar day {day}", model["average"][day]["aar"], row["mean"])
    last = found["window"][1]
    for theirs, test in (("car_lamb", "lamb"), ("car_brown_warner_1985", "time_series"), ("car_rank_test", "corrado_rank")):
        for row in expected["car"].get(theirs, []):
            yield Figure(theirs, rows[(test, 0, last)]["statistic"], row["statistic"])


SIPEMU_MODELS = {
    "MarketModel": "market", "MarketAdjustedModel": "market_adjusted", "MarketAdjusted": "market_adjusted", "ComparisonPeriodMeanAdjusted": "constant",
    "ComparisonPeriodMeanAdjustedModel": "constant", "FamaFrench3FactorModel": "ff3", "FF3": "ff3", "FamaFrench5FactorModel": "ff5", "FF5": "ff5",
    "Carhart4FactorModel": "carhart", "Carhart": "carhart", "Volume": "volume", "Volatility": "volatility", "RollingWindow": "market_last_60",
}  # fmt: skip


def sipemu(found: dict[str, Any], expected: dict[str, Any]) -> Iterator[Figure]:
    for name, answers in expected["results"].items():
        if name not in SIPEMU_MODELS:
            continue
        model = found["models"][SIPEMU_MODELS[name]]
        rolling = name == "RollingWindow"
        events = {event["event_id"]: event for event in model["events"]}
        by = {event["event_id"]: event for event in model["events_by_convention"]["sipemu"]}
        for answer in answers["per_event"]:
            event, own = events[str(answer["event_id"])], by[str(answer["event_id"])]
            label = f"{name} {answer['event_id']}"
            for ours in ("alpha", "beta", "df", "sigma"):
                if answer.get(ours) is not None:
                    yield Figure(f"{label} {ours}", own[ours], answer[ours])
            if not rolling:
                yield Figure(f"{label} autocorrelation", event["residual_autocorrelation"], answer["acf1"])
            columns = (("ar", own["ar"], "ar"), ("ar_t", own["ar_t"], "ar_t"), ("car", event["car_path"], "car"), ("car_t", own["car_t"], "car_t"),
                       ("forecast_std", own["forecast_std"], "forecast_error_corrected_sigma"))  # fmt: skip
            for ours, values, theirs in columns:
                yield from each(f"{label} {ours}", values, answer[theirs])
        for table in answers["multi"]:
            yield from _sipemu_table(name, model, table)
        families = {"CSectT": "cross_sectional", "PatellZ": "patell", "KP": "kolari_pynnonen", "GSignT": "generalized_sign"}
        for family, rows in answers["p_adjusted"].items():
            theirs, method = family.split("_")
            ours = {"BH": "p_benjamini_hochberg", "holm": "p_holm"}[method]
            mine = statistics(model, "sipemu")
            first = rows[0]["relative_index"]
            for row in rows:
                tau = row["relative_index"]
                day, path = mine[(families[theirs], tau, tau)], mine[(families[theirs], first, tau)]
                yield Figure(f"{name} {family} p day {tau}", day["p_value"], row["p_raw_aar"])
                yield Figure(f"{name} {family} p to {tau}", path["p_value"], row["p_raw_caar"])
                yield Figure(f"{name} {family} day {tau}", day[ours], row["p_adj_aar"])
                yield Figure(f"{name} {family} to {tau}", path[f"{ours}_path"], row["p_adj_caar"])


def _sipemu_table(name: str, model: dict[str, Any], table: dict[str, Any]) -> Iterator[Figure]:
    rows = statistics(model, "sipemu")
    first = table["CSectT"][0]["relative_index"]
    tests = {
        "CSectT": ("cross_sectional", "aar_t", "caar_t"), "PatellZ": ("patell", "aar_z", "caar_z"), "SignT": ("sign", "sign_z", "csign_z"),
        "GSignT": ("generalized_sign", "gsign_z", "cgsign_z"), "BMP": ("bmp", "bmp_t", "cbmp_t"), "KP": ("kolari_pynnonen", "kp_t", "ckp_t"),
    }  # fmt: skip
    average = {row["tau"]: row for row in model["average"]}
    for theirs, (test, one, many) in tests.items():
        for row in table[theirs]:
            tau = row["relative_index"]
            yield Figure(f"{name} {test} day {tau}", rows[(test, tau, tau)]["statistic"], row[one])
            yield Figure(f"{name} {test} to {tau}", rows[(test, first, tau)]["statistic"], row[many])
            yield Figure(f"{name} aar {tau}", average[tau]["aar"], row["aar"])
            yield Figure(f"{name} caar {tau}", average[tau]["sum_of_aar"], row["caar"])
            yield Figure(f"{name} n {tau}", average[tau]["n_events"], row["n_valid_events"])
    for theirs, test, column in (("RankT", "corrado_rank", "rank_z"), ("CalTimeT", "time_series", "caltime_t")):
        for row in table.get(theirs, []):
            tau = row["relative_index"]
            yield Figure(f"{name} {test} day {tau}", rows[(test, tau, tau)]["statistic"], row[column], BROKEN)


def eventstudystatistics(found: dict[str, Any], expected: dict[str, Any]) -> Iterator[Figure]:
    rows = statistics(found["models"]["given"], "common_day")
    tests = {"BMP": "bmp", "adjBMP": "kolari_pynnonen", "grank": "grank_t"}
    for name, answer in expected["results"].items():
        theirs, window = name.split("_")
        if window.startswith("day"):
            first = last = int(window[3:])
        else:
            first, last = (int(value) for value in window[4:-1].split(","))
        yield Figure(f"{tests[theirs]} {first} {last}", rows[(tests[theirs], first, last)]["statistic"], answer["statistic"], EVENT_SPREAD)


def lemaire(found: dict[str, Any], expected: dict[str, Any]) -> Iterator[Figure]:
    for theirs, ours in (("market_model", "market"), ("constant_mean", "constant"), ("FamaFrench_3factor", "ff3")):
        if theirs not in expected:
            continue
        model = found["models"][ours]
        events = {event["event_id"]: event for event in model["events"]}
        for answer in expected[theirs]["per_event"]:
            label = f"{ours} {answer['event_id']}"
            if "error" in answer:
                yield Figure(f"{label} used", float(str(answer["event_id"]) in events), 0.0)
                continue
            event = events[str(answer["event_id"])]
            yield from each(f"{label} ar", event["ar"], answer["AR"])
            yield from each(f"{label} car", event["car_path"], answer["CAR"])
            yield from each(f"{label} car_t", event["scar_path"], answer["tstat"], PER_DAY_T)
        yield from each(f"{ours} aar", [row["aar"] for row in model["average"]], expected[theirs]["multiple"]["AAR"])
        yield from each(f"{ours} caar", [row["caar"] for row in model["average"]], expected[theirs]["multiple"]["CAAR"])


def toolkit(found: dict[str, Any], expected: dict[str, Any]) -> Iterator[Figure]:
    first, last = found["window"]
    for theirs, ours in (("market", "market"), ("famafrench", "ff3")):
        model = found["models"][ours]
        events = {event["event_id"]: event for event in model["events"]}
        days: dict[str, list[tuple[str, float]]] = {}
        for row in expected[theirs]["ar"]:
            days.setdefault(str(row["subject_id"]), []).append((row["date"], row["abret"]))
        for answer in expected[theirs]["cars"]:
            event = events[str(answer["subject_id"])]
            label = f"{ours} {answer['subject_id']}"
            yield Figure(f"{label} car", event["car"], answer["car"])
            yield Figure(f"{label} sigma", event["sigma"], answer["sigma"])
            yield Figure(f"{label} scar", event["car"] / event["sigma"] / math.sqrt(last - first + 1), answer["scar"])
            yield from each(f"{label} ar", event["ar"], [value for _, value in sorted(days[str(answer["subject_id"])])])
        rows, sipemu_rows = statistics(model, "textbook"), statistics(model, "sipemu")
        (full,) = expected[theirs]["full"]
        for column, test in (("car_t", "cross_sectional"), ("tsign", "sign"), ("gen_z", "generalized_sign")):
            yield Figure(f"{ours} {test}", rows[(test, first, last)]["statistic"], full[column])
        yield Figure(f"{ours} bmp without forecast error", sipemu_rows[("bmp", first, last)]["statistic"], full["scar_t"])
        yield Figure(f"{ours} patell", rows[("patell", first, last)]["statistic"], full["tpatell"], TOOLKIT)


def eventstudyjl(found: dict[str, Any], expected: dict[str, Any]) -> Iterator[Figure]:
    """Figures are asserted to so many digits: ours are rounded to them."""
    model = found["models"]["market"]
    average = {(row["group"], row["tau"]): row for row in model["average"]}
    cars: dict[tuple[str, int, int], list[float]] = {}
    for event in model["events"]:
        for first, last in ((-5, 5), (0, 1)):
            cars.setdefault((event["group"], first, last), []).append(
                sum(v for v, t in zip(event["ar"], event["tau"], strict=True) if first <= t <= last and v)
            )
    for row in expected["asserted"]:
        group, first, last, field = row["group"], row["start"], row["end"], row["field"]
        rows = statistics(model, "common_day", group)
        reason = None
        if row["table"] == "results_aar":
            ours = average[(group, first)]["aar" if field == "aar" else "n_events"]
            reason = COUNTED if field == "N" and ours != row["value"] else None
        elif field in ("caar", "N"):
            values = cars[(group, first, last)]
            ours = float(np.mean(values)) if field == "caar" else float(len(values))
        else:
            test = "kolari_pynnonen" if field.startswith("boehmer") else "grank_t"
            ours = rows[(test, first, last)]["p_value" if field.endswith("_p") else "statistic"]
            reason = EVENTSTUDY2
        rounded = ours if reason else round(ours, row["digits"]) if row["digits"] else ours
        yield Figure(f"{group} {field} {first} {last}", rounded, row["value"], reason)


def compare(folder: Path, found: dict[str, Any] | None = None) -> list[Figure]:
    """Return every figure of a folder that has answers; ``found`` is the folder's result, where it is at hand.

    The program that answered is told by the answers' own ``anchor``.
    """
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    found = run_case(folder) if found is None else found
    programs = {
        "estudy2": estudy2, "sipemu": sipemu, "eventstudystatistics": eventstudystatistics, "LemaireJean": lemaire, "event-study-toolkit": toolkit,
        "EventStudy.jl": eventstudyjl,
    }  # fmt: skip
    (program,) = (each_of for name, each_of in programs.items() if name in expected["anchor"])
    return list(program(found, expected))


def table(folder: Path) -> str:
    """Return how many figures agree and within what, and for each reason how many differ, with the largest and one example."""
    figures = compare(folder)
    same = [figure for figure in figures if figure.reason is None]
    largest = max((figure.difference for figure in same), default=0.0)
    lines = [f"{folder.name}: {len(same)} figures agree within {largest:.1e}"]
    for reason in dict.fromkeys(figure.reason for figure in figures if figure.reason is not None):
        of_it = [figure for figure in figures if figure.reason == reason]
        one = max(of_it, key=lambda figure: 0.0 if math.isinf(figure.difference) else figure.difference)
        numbers = ", ".join("null" if value is None else f"{value:.6g}" for value in (one.ours, one.theirs))
        lines.append(f"  {len(of_it)} differ: {reason}; most {one.name}: ours, theirs {numbers} ({one.difference:.1e})")
    return "\n".join(lines)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(table(Path(name)))
