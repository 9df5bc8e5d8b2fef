"""What happened next: the only package that looks forward."""

from backtests.activity import abnormal_volume
from backtests.costs import costs
from backtests.event_study import EventStudy
from backtests.evidence import tradable
from backtests.intraday import intraday_study
from backtests.labels import forward_returns
from backtests.limit_days import locked_days
from backtests.long_horizon import buy_and_hold, calendar_alpha, monthly_returns
from backtests.power import events_needed, minimum_detectable_effect, power
from backtests.predictive import information_coefficient, quantile_returns
from backtests.report import Section, write_report
from backtests.rules import rules_of
from backtests.schemas import TABLES
from backtests.simulation import Backtest, run
from backtests.study_report import robustness_sections, study_sections
from backtests.synthetic_control import synthetic_control
from backtests.weights import proportional_weights, quantile_weights

__all__ = [
    "TABLES",
    "Backtest",
    "EventStudy",
    "Section",
    "abnormal_volume",
    "buy_and_hold",
    "calendar_alpha",
    "costs",
    "events_needed",
    "forward_returns",
    "information_coefficient",
    "intraday_study",
    "locked_days",
    "minimum_detectable_effect",
    "monthly_returns",
    "power",
    "proportional_weights",
    "quantile_returns",
    "quantile_weights",
    "robustness_sections",
    "rules_of",
    "run",
    "study_sections",
    "synthetic_control",
    "tradable",
    "write_report",
]
