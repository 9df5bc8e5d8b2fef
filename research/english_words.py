"""The words English figures are made of: what is measured, verbs of growth, what forbids reading a number as a fact.

Used by :mod:`research.english_measures`, which finds the figures, and :mod:`research.english_owners`, which decides whose they are.
All fragments are meant to be used without regard to case.
"""

from __future__ import annotations

import re

from research.numbers import NUMBER, PERCENT, QUALIFIERS, english_amount_pattern

__all__ = [
    "ADVERBS",
    "CHANGE_NOUN",
    "COMPANY",
    "DOWN",
    "FALL",
    "GAP",
    "GOODS",
    "HYPOTHETICAL",
    "INDUSTRY",
    "INDUSTRYWIDE",
    "LEVEL",
    "LINK",
    "LOSS",
    "MACRO",
    "MOVED",
    "OUTDONE",
    "PLACES",
    "RATE",
    "RATES",
    "SCOPE",
    "TIMES_OF_YEAR",
]


def _any(words: str) -> str:
    """Return an alternation of blank-separated words, the longest first; ``_`` stands for a blank or a hyphen."""
    return "|".join(word.replace("_", r"[\s-]") for word in sorted(words.split(), key=len, reverse=True))


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# ---------------------------------------------------------------- what is measured
#: figures of a company
COMPANY = _any(
    "revenues? net_revenues? net_sales sales net_income net_profits? net_loss net_losses net_earnings operating_income "
    "operating_profits? operating_loss operating_earnings profits? profit_after_tax pretax_profits? pre-tax_profits? "
    "pretax_income pretax_loss pre-tax_loss quarterly_loss annual_loss full_year_loss earnings ebitda ebit gross_profits? "
    "gross_margins? operating_margins? profit_margins? net_margins? net_interest_income net_interest_margin free_cash_flow "
    "operating_cash_flow cash_flow capital_expenditures? capital_spending capex bookings billings backlog orders deliveries "
    "shipments output production users active_users subscribers market_share eps earnings_per_share"
)
#: figures of an economy
MACRO = _any(
    "cpi ppi core_cpi core_pce pce gdp pmi consumer_price_index producer_price_index consumer_prices consumer_inflation "
    "core_inflation inflation producer_prices wholesale_prices gross_domestic_product economic_growth economy non_?farm_payrolls "
    "payrolls payroll_employment unemployment_rate jobless_rate unemployment jobless_claims retail_sales industrial_production "
    "industrial_output industrial_profits factory_output factory_orders manufacturing_output durable_goods_orders durable_orders "
    "exports imports trade_surplus trade_deficit trade_gap purchasing_managers'?_index purchasing_managers’_index housing_starts "
    "new_home_sales existing_home_sales pending_home_sales home_sales home_prices house_prices building_permits "
    "average_hourly_earnings hourly_earnings wages personal_income personal_spending consumer_spending consumer_confidence "
    "fixed_asset_investment foreign_direct_investment money_supply new_loans budget_deficit fiscal_deficit "
    "current_account_surplus current_account_deficit"
)
#: figures that are percentages themselves: of them "12%" behind "to" or "was" is a level
RATES = re.compile(
    r"margin|rate$|inflation|market.share|economic.growth|unemployment$|^(?:core )?(?:cpi|ppi|pce)$|price index|consumer prices|"
    r"producer prices|gdp|gross domestic product",
    re.IGNORECASE,
)
#: figures that are negative when the text gives their size
LOSS = re.compile(r"\bloss(?:es)?\b|\bdeficit\b|trade.gap", re.IGNORECASE)
#: company figures that an industry has too
INDUSTRY = re.compile(r"(?:\bsales|shipments|deliveries|output|production|orders)$", re.IGNORECASE)
#: words that make such a figure one of an industry: alone; with the goods it is of
INDUSTRYWIDE = re.compile(r"\b(?:industry(?:[- ]?wide)?|nationwide|national)\b", re.IGNORECASE)
SCOPE = re.compile(r"\b(?:overall|global|worldwide|total|domestic)\b", re.IGNORECASE)
GOODS = re.compile(
    r"\b(?:cars?|autos?|vehicles?|trucks?|smartphones?|phones?|handsets?|tablets?|pcs?|computers?|televisions?|tvs?|chips?|"
    r"semiconductors?|steel|"
    r"appliances?|luxury|e-?commerce|crude|oil|coal|copper|gold|solar|batter(?:y|ies)|ships?|aircraft|property|housing|beverages?|"
    r"food)\b",
    re.IGNORECASE,
)

# ---------------------------------------------------------------- how it moved
_RISE = _any(
    "rose risen rises rise rising gained gains grew grown grows grow growing increased increases increase increasing jumped jumps "
    "jump surged surges surge climbed climbs climb soared soars soar advanced advances expanded expands expand spiked spikes "
    "spike swelled swells leapt leaped rallied improved improves accelerated accelerates quickened widened widens up higher "
    "ticked_up edged_up picked_up edged_higher rebounded rebounds"
)
DOWN = _any(
    "fell fallen falls fall falling dropped drops drop dropping declined declines decline declining slid slides slide slipped "
    "slips slip sank sinks sink plunged plunges plunge tumbled tumbles tumble decreased decreases decrease shrank shrunk shrinks "
    "shrink contracted contracts contract slumped slumps slump dipped dips dip eased eases slowed slows cooled cools narrowed "
    "narrows plummeted plummets retreated down lower ticked_down edged_down edged_lower weakened"
)
MOVED = rf"(?:(?:was|were|is|are|has|have|had|been)\s+)*(?P<verb>{_RISE}|{DOWN})"
FALL = re.compile(rf"(?:{DOWN}|drop|decline|fall|decrease|slump|plunge|slide|dip|reduction|contraction)s?", re.IGNORECASE)
CHANGE_NOUN = (
    r"(?P<noun>rise|increase|gain|jump|growth|surge|advance|improvement|drop|decline|fall|decrease|slump|plunge|slide|dip|reduction|"
    r"contraction)"
)
#: between a figure and its size
LINK = (
    r"(?:(?:was|were|is|are|came\s+in(?:\s+at)?|stood|totall?ed|totals|reached|hit|amounted|came|comes|rose|fell|grew|climbed|increased|"
    r"dropped|declined|slipped|narrowed|widened|improved|slowed|accelerated|jumped|dipped|eased|edged\s+(?:up|down|higher|lower))"
    r"(?:\s+(?:at|to|by))?|of|at|:)"
)
ADVERBS = (
    rf"(?:\s+(?:sharply|further|modestly|slightly|just|only|by|unexpectedly|strongly|steadily|again|an?|annual(?:ized)?|seasonally|"
    rf"adjusted|"
    rf"a\s+record|record|for|{QUALIFIERS}))*"
)
RATE = (
    rf"(?P<rate>[-+−]?{NUMBER})(?:(?P<percent>{PERCENT})(?!\s*points?\b)|"
    rf"\s?(?P<points>(?:%|per\s?cent(?:age)?)\s*points?|basis\s+points?|bps?\b|pp\b))"
)
LEVEL = english_amount_pattern()
#: what may stand between a figure and its verb: prepositional phrases without a number
GAP = (
    r"(?:\s+(?:in|from|at|of|for|by|across|excluding|on|during|before|after|attributable\s+to|per)\s+"
    r"(?:(?!\b(?:and|but|that|which|while|said|says|shares|stock|rose|fell|to|was|were|is|are|has|had|have)\b)[^,;:%$€£\d]){1,70}?)?"
)

# ---------------------------------------------------------------- what forbids reading a number as a fact
HYPOTHETICAL = re.compile(
    r"\b(?:if|would|could|(?-i:may)|might|will|should|expect\w*|forecast\w*|predict\w*|project(?:s|ed|ing|ions?)?|estimate[sd]?|"
    r"consensus|"
    r"guid(?:ance|ed|es|ing)|outlook|target\w*|looking\s+for|anticipat\w+|sees?|likely|potential\w*|plan(?:s|ned|ning)?|aim(?:s|ed|"
    r"ing)?|goals?|"
    r"hop(?:es?|ed|ing)|imply|implies|implying|indicat(?:es|ed|ing)|suggest\w*|assum\w+|poised|on\s+track|set\s+to|warn(?:s|ed)|not|"
    r"n['’]t|without|"
    r"to\s+(?:rise|fall|grow|increase|decline|drop|reach|hit|climb|expand|be)|analysts?|compared\s+with|versus|vs\.?)(?!\w)",
    re.IGNORECASE,
)
#: what a result is held against says nothing of whether it happened
OUTDONE = re.compile(
    r"\b(?:beat(?:s|ing)?|topp(?:ed|ing)|tops?|above|exceed\w*|miss(?:ed|es|ing)?|below|than|surpass\w*|ahead\s+of|short\s+of|defying|"
    r"despite|"
    r"in\s+line\s+with)\s+(?:[\w’'-]+\s+){0,4}?(?:expectations|estimates?|forecasts?|projections?|consensus|outlook|targets?|guidance)\b",
    re.IGNORECASE,
)

# ---------------------------------------------------------------- capitalised words that name no company
PLACES = _set(
    "U.S US America American Americas China Chinese Chinas Japan Japanese Europe European EU Eurozone Euro Britain British U.K UK "
    "England Germany German France French Italy Italian Spain Spanish India Indian Korea Korean South North East West Hong Kong "
    "Taiwan Singapore Australia Australian Canada Canadian Mexico Mexican Brazil Brazilian Russia Russian Turkey Turkish Africa "
    "African Asia Asian Pacific Latin Middle Greater Southeast Northern Southern Western Eastern Central Beijing Shanghai "
    "Shenzhen Tokyo London York New Washington Switzerland Swiss Sweden Swedish Norway Netherlands Dutch Indonesia Malaysia "
    "Thailand Vietnam Philippines Israel Saudi Arabia Zealand EMEA APAC"
)
TIMES_OF_YEAR = _set(
    "January February March April May June July August September October November December Jan Feb Mar Apr Jun Jul Aug Sept Sep "
    "Oct Nov Dec Monday Tuesday Wednesday Thursday Friday Saturday Sunday Q1 Q2 Q3 Q4 H1 H2 FY Christmas Thanksgiving Lunar Year "
    "Black Cyber Prime Singles Day"
)
