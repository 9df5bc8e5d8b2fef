"""What happened next: the only package that looks forward."""

from backtests.costs import costs
from backtests.event_study import EventStudy
from backtests.evidence import tradable
from backtests.labels import forward_returns
from backtests.predictive import information_coefficient, quantile_returns
from backtests.report import Section, write_report
from backtests.rules import rules_of
from backtests.schemas import TABLES
from backtests.simulation import Backtest, run
from backtests.weights import proportional_weights, quantile_weights

__all__ = [
    "TABLES",
    "Backtest",
    "EventStudy",
    "Section",
    "costs",
    "forward_returns",
    "information_coefficient",
    "proportional_weights",
    "quantile_returns",
    "quantile_weights",
    "rules_of",
    "run",
    "tradable",
    "write_report",
]
