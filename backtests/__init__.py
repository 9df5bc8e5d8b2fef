"""What happened next: the only package that looks forward."""

from backtests.activity import abnormal_volume
from backtests.attribution import attribute
from backtests.comparison import compare
from backtests.constraints import cap_groups, cap_names, cap_turnover, long_only, neutral, target_volatility
from backtests.costs import costs
from backtests.evaluation import Evaluation, evaluate
from backtests.evaluation_report import evaluation_sections, selection_section
from backtests.event_study import EventStudy
from backtests.evidence import tradable
from backtests.execution import Execution
from backtests.fund_limits import with_fund_limits
from backtests.intraday import intraday_study
from backtests.labels import forward_returns
from backtests.limit_days import locked_days
from backtests.long_horizon import buy_and_hold, calendar_alpha, monthly_returns
from backtests.parameter_choice import choice_section, choose_forward
from backtests.power import events_needed, minimum_detectable_effect, power
from backtests.predictive import grouped_coefficient, hit_rate, information_coefficient
from backtests.quantiles import quantile_returns
from backtests.renames import renamed
from backtests.report import Section, write_report
from backtests.rules import rules_of
from backtests.schemas import TABLES
from backtests.sharpe import deflated_sharpe, minimum_track_record, probabilistic_sharpe
from backtests.simulation import Backtest, run
from backtests.study_report import robustness_sections, study_sections
from backtests.synthetic_control import synthetic_control
from backtests.weights import proportional_weights, quantile_weights, rank_weights

__all__ = [
    "TABLES",
    "Backtest",
    "Evaluation",
    "EventStudy",
    "Execution",
    "Section",
    "abnormal_volume",
    "attribute",
    "buy_and_hold",
    "calendar_alpha",
    "cap_groups",
    "cap_names",
    "cap_turnover",
    "choice_section",
    "choose_forward",
    "compare",
    "costs",
    "deflated_sharpe",
    "evaluate",
    "evaluation_sections",
    "events_needed",
    "forward_returns",
    "grouped_coefficient",
    "hit_rate",
    "information_coefficient",
    "intraday_study",
    "locked_days",
    "long_only",
    "minimum_detectable_effect",
    "minimum_track_record",
    "monthly_returns",
    "neutral",
    "power",
    "probabilistic_sharpe",
    "proportional_weights",
    "quantile_returns",
    "quantile_weights",
    "rank_weights",
    "renamed",
    "robustness_sections",
    "rules_of",
    "run",
    "selection_section",
    "study_sections",
    "synthetic_control",
    "target_volatility",
    "tradable",
    "with_fund_limits",
    "write_report",
]
