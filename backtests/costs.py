"""What trading costs: dated schedules of commission, duties, levies and spread, as data.

All rates are fractions of the traded value unless said otherwise. Commissions, spreads, impact, borrow and financing are negotiable
and differ from account to account: the ones here are stated assumptions. Duties and levies are what the law said on the day. A source
that ends in "(from memory)" was not looked up again; every other one was checked in November 2026 against the document or a report of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any

from research.errors import UsageError

__all__ = ["SCHEDULES", "Costs", "Step", "Waiver", "costs"]

#: the dated schedules of :class:`Costs`, in the order the simulation lays them out
SCHEDULES = (
    "stamp_duty_buy", "stamp_duty_sell", "levy_buy", "levy_sell", "share_fee_sell", "share_fee_cap", "settlement", "settlement_minimum",
    "settlement_cap",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """From ``since`` on the rate is ``value``."""

    since: date
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """Symbols that match ``pattern`` pay no stamp duty from ``since`` on; everything else they pay."""

    pattern: str
    since: date
    source: str


@dataclass(frozen=True, slots=True)
class Costs:
    r"""Costs of one market.

    Parameters
    ----------
    market, currency
        Where, and the unit of amounts.
    commission, minimum_commission
        Broker's fee as a fraction of value, and its least amount an order (currency units).
    stamp_duty_buy, stamp_duty_sell
        Schedules of the tax on a purchase and on a sale.
    levy_buy, levy_sell
        Schedules of everything else that is charged on value: transfer and trading fees, regulatory levies.
        They fill the ``transfer_fee`` column of ``orders``, together with the next two.
    share_fee_sell, share_fee_cap
        Schedules of a fee by share sold (currency units a share) and of its cap an order.
    settlement, settlement_minimum, settlement_cap
        Schedules of a settlement fee on the value of either side, of its least and its greatest amount an order (currency units).
    duty_rounding
        Stamp duty is rounded up to a multiple of this amount (currency units); 0 for not at all.
    exempt
        Regular expression of symbols free of stamp duty and levies (exchange-traded funds); empty for none.
    waivers
        Symbols free of stamp duty only, with the day that began.
    half_spread
        Half of the quoted spread in basis points of the price: a purchase fills that far above the price, a sale below, but never
        beyond a limit price.
    spread_tiers
        (least trailing daily amount in currency units, half spread in basis points), richest first; replaces ``half_spread``, which
        holds where the amount is below every tier or unknown.
    spread_floor
        The half spread is at least this many ticks (0.5: nobody quotes less than a tick), on bars whose price is a multiple of the tick.
    impact
        Coefficient *Y* of the square-root law: an order of *q* shares moves its price by :math:`Y \sigma \sqrt{q / V}` with the daily
        volatility and the daily volume of the trailing 20 sessions (Tóth et al. 2011, Physical Review X 1, 021006). 0 for none.
    borrow_rate
        Yearly fee on the value of short positions, by calendar day over 365.
    financing_rate
        Yearly interest on the value of long positions above net asset value (short proceeds are the lender's collateral), likewise.
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
    settlement: tuple[Step, ...] = ()
    settlement_minimum: tuple[Step, ...] = ()
    settlement_cap: tuple[Step, ...] = ()
    duty_rounding: float = 0.0
    waivers: tuple[Waiver, ...] = ()
    spread_tiers: tuple[tuple[float, float], ...] = ()
    spread_floor: float = 0.0
    impact: float = 0.0
    financing_rate: float = 0.0

    def scaled(self, factor: float) -> Costs:
        """Return the same costs multiplied by ``factor`` (0 for none, 2 for twice); caps and minimums scale with their fees."""
        if not factor >= 0:
            raise UsageError(f"The factor on costs came as {factor}; expected a number of at least 0.")
        steps: dict[str, Any] = {
            name: tuple(replace(step, value=step.value * factor) for step in getattr(self, name)) for name in SCHEDULES
        }
        rates = (
            "commission",
            "minimum_commission",
            "duty_rounding",
            "half_spread",
            "spread_floor",
            "impact",
            "borrow_rate",
            "financing_rate",
        )
        steps |= {name: getattr(self, name) * factor for name in rates}
        return replace(self, spread_tiers=tuple((amount, half * factor) for amount, half in self.spread_tiers), **steps)

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

    def duty_free_since(self, symbol: str) -> date | None:
        """Return the day from which ``symbol`` pays no stamp duty; None where it pays.

        >>> costs("hk").duty_free_since("2800.HK"), costs("hk").duty_free_since("0700.HK")
        (datetime.date(2015, 2, 13), None)
        """
        days = [waiver.since for waiver in self.waivers if re.search(waiver.pattern, symbol)]
        return min(days, default=None)


_TRANSFER = (
    Step(
        date(2008, 9, 19),
        0.00002,
        "ChinaClear transfer fee until 28 April 2022; one for both exchanges since 1 August 2015 (that day from memory)",
    ),
    Step(date(2022, 4, 29), 0.00001, "ChinaClear notice of 28 April 2022"),
)

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
    levy_buy=_TRANSFER,
    levy_sell=_TRANSFER,
    exempt=r"^(5\d{5}\.SS|1[568]\d{4}\.SZ)$",
    half_spread=5.0,
    spread_floor=0.5,
    assumptions="commission 0.025 %, at least 5 CNY, handling and regulatory fees included; half spread 5 bp and at least half a tick; "
    "the transfer fee before August 2015 is the later one, and Beijing's until April 2022 (0.0025 %) that of the others; "
    "funds pay no stamp duty and no transfer fee; no market impact",
)

_DUTY_HK = (
    Step(date(2014, 11, 1), 0.001, "Stamp Duty Ordinance, head 2(1), each side"),
    Step(date(2021, 8, 1), 0.0013, "Revenue (Stamp Duty) Ordinance 2021"),
    Step(date(2023, 11, 17), 0.001, "Stamp Duty (Amendment) (Stock Transfers) Ordinance 2023"),
)
_LEVY_HK = (
    Step(date(2014, 11, 1), 0.000077, "SFC levy 0.0027 %, 1 November 2014; HKEX trading fee 0.005 %"),
    Step(date(2022, 1, 1), 0.0000785, "and FRC (now AFRC) levy 0.00015 %, 1 January 2022"),
    Step(date(2023, 1, 1), 0.000085, "trading fee 0.00565 %, HKEX news release of 1 November 2022"),
)
_CCASS = "HKSCC operational procedures, stock settlement fee"

_HONG_KONG = Costs(
    market="hk",
    currency="HKD",
    commission=0.0003,
    minimum_commission=3.0,
    stamp_duty_buy=_DUTY_HK,
    stamp_duty_sell=_DUTY_HK,
    levy_buy=_LEVY_HK,
    levy_sell=_LEVY_HK,
    settlement=(Step(date(2014, 11, 1), 0.00002, _CCASS), Step(date(2025, 6, 30), 0.000042, _CCASS + " (2025 reform)")),
    settlement_minimum=(Step(date(2014, 11, 1), 2.0, _CCASS), Step(date(2025, 6, 30), 0.0, _CCASS + " (2025 reform: none)")),
    settlement_cap=(Step(date(2014, 11, 1), 100.0, _CCASS), Step(date(2025, 6, 30), 1e12, _CCASS + " (2025 reform: none)")),
    duty_rounding=1.0,
    waivers=(
        Waiver(
            r"^(28[0-4]\d|3[01]\d\d|9[01]\d\d|98[0-4]\d|7[2357]\d\d|82[89]\d\d|83[01]\d\d)\.HK$",
            date(2015, 2, 13),
            "Stamp Duty (Amendment) Ordinance 2015: exchange-traded funds (their codes from memory)",
        ),
    ),
    half_spread=8.0,
    spread_floor=0.5,
    borrow_rate=0.01,
    financing_rate=0.05,
    assumptions="commission 0.03 %, at least 3 HKD; half spread 8 bp and at least half a tick; borrow 1 % and financing 5 % a year; "
    "the trading tariff of 0.50 HKD an order until 2022 is left out; no market impact",
)

_SEC = "SEC fee rate advisory, fiscal year"
_TAF = "FINRA By-Laws, Schedule A, section 1: trading activity fee;"

_UNITED_STATES = Costs(
    market="us",
    currency="USD",
    commission=0.0,
    minimum_commission=0.0,
    stamp_duty_buy=(),
    stamp_duty_sell=(),
    levy_buy=(),
    levy_sell=(
        Step(date(2012, 7, 1), 22.4e-6, f"{_SEC} 2012, in force since 1 April 2012"),
        Step(date(2013, 5, 25), 17.4e-6, f"{_SEC} 2013"),
        Step(date(2014, 3, 18), 22.1e-6, f"{_SEC} 2014"),
        Step(date(2015, 2, 14), 18.4e-6, f"{_SEC} 2015"),
        Step(date(2016, 2, 16), 21.8e-6, f"{_SEC} 2016"),
        Step(date(2017, 7, 4), 23.1e-6, f"{_SEC} 2017"),
        Step(date(2018, 5, 22), 13.0e-6, f"{_SEC} 2018"),
        Step(date(2019, 4, 16), 20.7e-6, f"{_SEC} 2019"),
        Step(date(2020, 2, 18), 22.1e-6, f"{_SEC} 2020"),
        Step(date(2021, 2, 25), 5.1e-6, f"{_SEC} 2021"),
        Step(date(2022, 5, 14), 22.9e-6, f"{_SEC} 2022"),
        Step(date(2023, 2, 27), 8.0e-6, f"{_SEC} 2023"),
        Step(date(2024, 5, 22), 27.8e-6, f"{_SEC} 2024"),
        Step(date(2025, 5, 14), 0.0, f"{_SEC} 2025"),
        Step(date(2026, 4, 4), 20.6e-6, f"{_SEC} 2026, order 34-104909"),
    ),
    share_fee_sell=(
        Step(date(2012, 7, 1), 0.000119, f"{_TAF} notice 12-31"),
        Step(date(2022, 1, 1), 0.00013, f"{_TAF} SR-FINRA-2020-032"),
        Step(date(2023, 1, 1), 0.000145, f"{_TAF} SR-FINRA-2020-032"),
        Step(date(2024, 1, 1), 0.000166, f"{_TAF} SR-FINRA-2020-032"),
        Step(date(2026, 1, 1), 0.000195, f"{_TAF} SR-FINRA-2024-019"),
        Step(date(2026, 10, 1), 0.0, f"{_TAF} suspended until 31 December 2026, SR-FINRA-2026-021"),
        Step(date(2027, 1, 1), 0.000195, f"{_TAF} the rate of 2026 again, SR-FINRA-2026-020"),
    ),
    share_fee_cap=(
        Step(date(2012, 7, 1), 5.95, f"{_TAF} notice 12-31"),
        Step(date(2022, 1, 1), 6.49, f"{_TAF} SR-FINRA-2020-032"),
        Step(date(2023, 1, 1), 7.27, f"{_TAF} SR-FINRA-2020-032"),
        Step(date(2024, 1, 1), 8.30, f"{_TAF} SR-FINRA-2020-032"),
        Step(date(2026, 1, 1), 9.79, f"{_TAF} SR-FINRA-2024-019"),
    ),
    half_spread=2.0,
    borrow_rate=0.003,
    financing_rate=0.05,
    assumptions="no commission; half spread 2 bp; borrow 0.3 % a year, the general-collateral level: "
    "a name that is hard to borrow costs far more; financing 5 % a year; the audit trail fee (about 0.000003 USD a share) is left out; "
    "no market impact",
)

_CRYPTO = Costs(
    market="crypto",
    currency="USD",
    commission=0.001,
    minimum_commission=0.0,
    stamp_duty_buy=(),
    stamp_duty_sell=(),
    levy_buy=(),
    levy_sell=(),
    half_spread=3.0,
    assumptions="taker fee 0.1 %; half spread 3 bp; no duties or levies; no market impact",
)

_COSTS = MappingProxyType({costs.market: costs for costs in (_MAINLAND, _HONG_KONG, _UNITED_STATES, _CRYPTO)})

#: assumptions of ``liquidity=True``: half spread by trailing daily amount, and the coefficient of the square-root law
_TIERS = MappingProxyType(
    {
        "cn": ((1e9, 2.0), (2e8, 4.0), (5e7, 7.0), (0.0, 12.0)),
        "hk": ((1e9, 5.0), (1e8, 10.0), (1e7, 25.0), (0.0, 60.0)),
        "us": ((5e8, 1.0), (5e7, 2.0), (5e6, 6.0), (0.0, 20.0)),
        "crypto": ((1e9, 1.0), (1e8, 3.0), (0.0, 10.0)),
    }
)
_IMPACT = 0.7


def costs(market: str, *, liquidity: bool = False) -> Costs:
    """Return the costs of ``cn``, ``hk``, ``us`` or ``crypto``.

    Parameters
    ----------
    market
        Whose.
    liquidity
        Take the half spread from the trailing daily amount of each name, and charge square-root impact (both stated assumptions).
        The bars then need volumes.

    Raises
    ------
    UsageError
        For another market.

    Examples
    --------
    >>> costs("cn", liquidity=True).spread_tiers[0]
    (1000000000.0, 2.0)
    """
    if market not in _COSTS:
        raise UsageError(f"market came as {market!r}; expected one of {', '.join(_COSTS)}.")
    plain = _COSTS[market]
    if not liquidity:
        return plain
    said = plain.assumptions.replace(
        "no market impact",
        f"half spread by trailing amount where that is known; impact {_IMPACT:g} x volatility x root of the share of volume",
    )
    return replace(plain, spread_tiers=_TIERS[market], impact=_IMPACT, assumptions=said)
