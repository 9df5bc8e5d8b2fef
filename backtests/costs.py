"""What trading costs: dated schedules of commission, duties, levies and spread, as data.

All rates are fractions of the traded value unless said otherwise. Commissions, spreads and borrow fees are negotiable and
differ from account to account: the ones here are stated assumptions. Duties and levies are what the law said on the day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any

from research.errors import UsageError

__all__ = ["Costs", "Step", "costs"]


@dataclass(frozen=True, slots=True)
class Step:
    """From ``since`` on the rate is ``value``."""

    since: date
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one market.

    Parameters
    ----------
    market, currency
        Where, and the unit of amounts.
    commission, minimum_commission
        Broker's fee as a fraction of value, and its least amount an order (currency units).
    stamp_duty_buy, stamp_duty_sell
        Schedules of the tax on a purchase and on a sale.
    levy_buy, levy_sell
        Schedules of everything else that is charged on value: transfer, trading and settlement fees, regulatory levies.
        They fill the ``transfer_fee`` column of ``orders``.
    share_fee_sell, share_fee_cap
        Schedules of a fee by share sold (currency units a share) and of its cap an order; part of ``transfer_fee``.
    exempt
        Regular expression of symbols free of stamp duty and levies (exchange-traded funds); empty for none.
    half_spread
        Half of the quoted spread in basis points of the price: a purchase fills that far above the open, a sale below, but never
        beyond a limit price.
    borrow_rate
        Yearly fee on the value of short positions, by calendar day over 365.
    assumptions
        What is assumed rather than published.
    """

    market: str
    currency: str
    commission: float
    minimum_commission: float
    stamp_duty_buy: tuple[Step, ...]
    stamp_duty_sell: tuple[Step, ...]
    levy_buy: tuple[Step, ...]
    levy_sell: tuple[Step, ...]
    share_fee_sell: tuple[Step, ...] = ()
    share_fee_cap: tuple[Step, ...] = ()
    exempt: str = ""
    half_spread: float = 0.0
    borrow_rate: float = 0.0
    assumptions: str = ""

    def scaled(self, factor: float) -> Costs:
        """Return the same costs multiplied by ``factor`` (0 for none, 2 for twice); caps scale with their fees."""
        if not factor >= 0:
            raise UsageError(f"The factor on costs came as {factor}; expected a number of at least 0.")
        steps: dict[str, Any] = {
            name: tuple(replace(step, value=step.value * factor) for step in getattr(self, name))
            for name in ("stamp_duty_buy", "stamp_duty_sell", "levy_buy", "levy_sell", "share_fee_sell", "share_fee_cap")
        }
        return replace(
            self,
            commission=self.commission * factor,
            minimum_commission=self.minimum_commission * factor,
            half_spread=self.half_spread * factor,
            borrow_rate=self.borrow_rate * factor,
            **steps,
        )

    def rate(self, schedule: str, day: date) -> float:
        """Return the rate of one schedule (``"stamp_duty_sell"`` …) on ``day``.

        Raises
        ------
        UsageError
            For a day before the schedule begins: a rate that was never looked up is not guessed.

        Examples
        --------
        >>> [costs("cn").rate("stamp_duty_sell", date(2023, 8, day)) for day in (25, 28)]
        [0.001, 0.0005]
        """
        steps: tuple[Step, ...] = getattr(self, schedule)
        if not steps:
            return 0.0
        past = [step.value for step in steps if step.since <= day]
        if not past:
            raise UsageError(
                f"The {schedule} schedule of market {self.market} begins on {steps[0].since}; {day} came: "
                "start later, or pass costs with an earlier step."
            )
        return past[-1]

    def is_exempt(self, symbol: str) -> bool:
        """Whether ``symbol`` is free of stamp duty and levies."""
        return bool(self.exempt) and re.search(self.exempt, symbol) is not None


_MAINLAND = Costs(
    market="cn",
    currency="CNY",
    commission=0.00025,
    minimum_commission=5.0,
    stamp_duty_buy=(Step(date(2008, 9, 19), 0.0, "MoF and STA, 18 September 2008: levied on the seller only"),),
    stamp_duty_sell=(
        Step(date(2008, 9, 19), 0.001, "MoF and STA, 18 September 2008"),
        Step(date(2023, 8, 28), 0.0005, "MoF and STA announcement 2023 no. 39"),
    ),
    levy_buy=(
        Step(date(2008, 9, 19), 0.00002, "ChinaClear transfer fee (one rate for both exchanges since 1 August 2015)"),
        Step(date(2022, 4, 29), 0.00001, "ChinaClear notice of April 2022"),
    ),
    levy_sell=(
        Step(date(2008, 9, 19), 0.00002, "ChinaClear transfer fee (one rate for both exchanges since 1 August 2015)"),
        Step(date(2022, 4, 29), 0.00001, "ChinaClear notice of April 2022"),
    ),
    exempt=r"^(5\d{5}\.SS|1[568]\d{4}\.SZ)$",
    half_spread=5.0,
    assumptions="commission 0.025 %, at least 5 CNY, handling and regulatory fees included; half spread 5 bp; "
    "the transfer fee before August 2015 is the later one; funds pay no stamp duty and no transfer fee",
)

_HONG_KONG = Costs(
    market="hk",
    currency="HKD",
    commission=0.0003,
    minimum_commission=3.0,
    stamp_duty_buy=(
        Step(date(2014, 11, 1), 0.001, "Stamp Duty Ordinance, head 2(1), each side"),
        Step(date(2021, 8, 1), 0.0013, "Revenue (Stamp Duty) Ordinance 2021"),
        Step(date(2023, 11, 17), 0.001, "Stamp Duty (Amendment) (Stock Transfers) Ordinance 2023"),
    ),
    stamp_duty_sell=(
        Step(date(2014, 11, 1), 0.001, "Stamp Duty Ordinance, head 2(1), each side"),
        Step(date(2021, 8, 1), 0.0013, "Revenue (Stamp Duty) Ordinance 2021"),
        Step(date(2023, 11, 17), 0.001, "Stamp Duty (Amendment) (Stock Transfers) Ordinance 2023"),
    ),
    levy_buy=(
        Step(date(2014, 11, 1), 0.000097, "SFC levy 0.0027 %, trading fee 0.005 %, settlement 0.002 %"),
        Step(date(2022, 1, 1), 0.0000985, "and FRC (AFRC) levy 0.00015 %"),
        Step(date(2023, 1, 1), 0.000105, "trading fee 0.00565 % (trading tariff abolished)"),
        Step(date(2025, 6, 30), 0.000127, "settlement 0.0042 % without minimum or cap"),
    ),
    levy_sell=(
        Step(date(2014, 11, 1), 0.000097, "SFC levy 0.0027 %, trading fee 0.005 %, settlement 0.002 %"),
        Step(date(2022, 1, 1), 0.0000985, "and FRC (AFRC) levy 0.00015 %"),
        Step(date(2023, 1, 1), 0.000105, "trading fee 0.00565 % (trading tariff abolished)"),
        Step(date(2025, 6, 30), 0.000127, "settlement 0.0042 % without minimum or cap"),
    ),
    half_spread=8.0,
    borrow_rate=0.01,
    assumptions="commission 0.03 %, at least 3 HKD; half spread 8 bp; borrow 1 % a year; "
    "stamp duty not rounded up to a dollar; settlement fee without its minimum of 2 and cap of 100 HKD before June 2025",
)

_SEC = "SEC section 31 fee rate advisory"
_TAF = "FINRA By-Laws, Schedule A, section 1 (trading activity fee)"

_UNITED_STATES = Costs(
    market="us",
    currency="USD",
    commission=0.0,
    minimum_commission=0.0,
    stamp_duty_buy=(),
    stamp_duty_sell=(),
    levy_buy=(),
    levy_sell=(
        Step(date(2012, 7, 1), 22.4e-6, _SEC),
        Step(date(2013, 5, 25), 17.4e-6, _SEC),
        Step(date(2014, 3, 18), 22.1e-6, _SEC),
        Step(date(2015, 2, 14), 18.4e-6, _SEC),
        Step(date(2016, 2, 16), 21.8e-6, _SEC),
        Step(date(2017, 7, 4), 23.1e-6, _SEC),
        Step(date(2018, 5, 22), 13.0e-6, _SEC),
        Step(date(2019, 4, 16), 20.7e-6, _SEC),
        Step(date(2020, 2, 18), 22.1e-6, _SEC),
        Step(date(2021, 2, 25), 5.1e-6, _SEC),
        Step(date(2022, 5, 14), 22.9e-6, _SEC),
        Step(date(2023, 2, 27), 8.0e-6, _SEC),
        Step(date(2024, 5, 22), 27.8e-6, _SEC),
        Step(date(2025, 5, 14), 0.0, _SEC),
        Step(date(2026, 4, 4), 20.6e-6, _SEC),
    ),
    share_fee_sell=(
        Step(date(2012, 7, 1), 0.000119, _TAF),
        Step(date(2022, 1, 1), 0.00013, _TAF),
        Step(date(2023, 1, 1), 0.000145, _TAF),
        Step(date(2024, 1, 1), 0.000166, _TAF),
        Step(date(2026, 1, 1), 0.000195, _TAF),
    ),
    share_fee_cap=(
        Step(date(2012, 7, 1), 5.95, _TAF),
        Step(date(2022, 1, 1), 6.49, _TAF),
        Step(date(2023, 1, 1), 7.27, _TAF),
        Step(date(2024, 1, 1), 8.30, _TAF),
        Step(date(2026, 1, 1), 9.79, _TAF),
    ),
    half_spread=2.0,
    borrow_rate=0.003,
    assumptions="no commission; half spread 2 bp; borrow 0.3 % a year, the general-collateral level: "
    "a name that is hard to borrow costs far more",
)

_COSTS = MappingProxyType({costs.market: costs for costs in (_MAINLAND, _HONG_KONG, _UNITED_STATES)})


def costs(market: str) -> Costs:
    """Return the costs of ``cn``, ``hk`` or ``us``; raise :class:`~research.errors.UsageError` for another name."""
    if market not in _COSTS:
        raise UsageError(f"market came as {market!r}; expected one of {', '.join(_COSTS)}.")
    return _COSTS[market]
