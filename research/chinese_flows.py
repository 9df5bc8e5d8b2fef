"""Flows of money stated in Chinese: northbound, southbound, margin, ETFs, industries, owners of shares, new funds.

A flow is an action (净买入, 净赎回, 减持 …), whose it is, of what, and how much. The action holds for every amount behind it
until another comes; an
amount belongs to the name right in front of it (``净买入食品饮料68.2亿元、汽车24.9亿元``), a run of amounts to a list of as many names
(``电子、汽车分别净买入4亿元、3亿元``), every other amount to the owner. The sign is that of money going in, also of a change:
``净流出额缩小79.1亿元`` is +7.91e9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from research.chinese_names import INDUSTRIES, clause_at, names, noun
from research.moves import Span
from research.numbers import Measure, qualifier
from research.patterns import presence
from research.quantities import Quantity, quantities, runs
from research.sentences import Sentence

__all__ = ["OWNER", "TRIGGER", "FlowContext", "find", "owner"]

#: a sentence without any of these states no flow
TRIGGER = presence(
    r"净(?:流[入出]|买入|卖出|申购|赎回|增持|减持|增加|减少)|[增减]持|[申赎][购回]|新成立|新发(?![展现布明生])|融资余额|两融余额|解禁|(?:北向|北上|陆股通|南向|港股通)[^,。;]{0,8}成交|份额(?:增加|减少|缩减)"
)

_ACTION = re.compile(
    r"份额(?:净)?(?:增加|减少|缩减)|份额变[化动]|(?:日均)?成交(?:金额|额)?|计划(?:增|减)持|净(?:流入|流出|买入|卖出|申购|赎回|增持|减持)|(?<![回净])(?<!计划)(?:增持|减持)(?!评级|至|”)"
    r"|(?:融资|两融)余额(?:单[周日月]|当[周日月]|本[周月]|周)(?:环比)?净?(?:增加|减少|回落|下降|回升|上升)(?![至到为])|融资融券余额|两融余额|融资余额|融券余额|解禁"
)
_OUT = re.compile(r"份额净?[减缩]|流出|卖出|赎回|减持|余额[^,。;]{0,6}(?:减少|回落|下降)")
_SEATS = re.compile(r"机构|游资|席位|营业部")
#: 获北上资金|12亿元的净买入: the action behind the amount
_BEHIND = re.compile(r"的?(?P<action>净(?:流入|流出|买入|卖出|申购|赎回|增持|减持))(?!额|规模|的)")
_CAME_IN = re.compile(r"(?:北[上向]|南[下向]|陆股通|港股通|融资|杠杆)(?:资金|客)?(?:逾|超过?|近|约|合计|累计|总计|高?达|\s)*$")
#: 某某股份获北上资金|净买入
_RECEIVED = re.compile(r"(?<=[^,。;:、])(?:获得?|被|遭到?|得到|受到)(?:[^,。;:获]{0,6})(?:资金|客|通|盘)[^,。;:]{0,8}$")
_BALANCE = re.compile(r"余额|解禁")
_OWNERS = (
    ("northbound_flow", re.compile(r"北上|北向|沪股通|深股通|陆股通")),
    ("southbound_flow", re.compile(r"南下|南向|港股通")),
    ("margin_flow", re.compile(r"融资资金|融资余额|融资买入|两融|融资客|融资净|融资盘|杠杆资金|融资融券")),
    ("etf_flow", re.compile(r"ETF")),
    ("insider_trade", re.compile(r"股东|高管|董监高|实控人|产业资本|解禁")),
)  # fmt: skip
_SMALLER = re.compile(r"缩小|收窄|减少|回落|下降|少|缩减|降低")
_CHANGE = re.compile(
    r"(?:较|比)?(?:前期|上期|前值|上周|前一周|前周|上上周|上月|前一月|上年同期|去年同期)[^,。;\d]{0,6}?(?:扩大|缩小|收窄|增加|减少|提升|回升|回落|上升|下降|放大|多|少)|(?:额|规模)(?:缩小|扩大|收窄|增加|减少)|(?:缩小|扩大|收窄)(?=了|至|约|$|\s)|环比(?:多|少|增加|减少)"
)
#: words between an action and its amount or the names of what it acts on
_LINK = re.compile(
    r"(?:规模|金额|份额|资金|市值|额度|额|居前|靠前|领先|前[一二三四五六七八九十\d]+(?:大|名|位)?|(?:较|最)[多高大少]|为主|其中|主要|集中|净?(?:买入|卖出|流入|流出|申购|赎回|加仓|减仓)|相对|合计|累计|总计|分别|依次|共计|达到?|为|有(?!色)|是|包括|的|了|约|近|超过?|逾|在|至|行业|板块|个股|品种|标的|公司|等|:|\(|\+|\s|,|、|和|及|与|\))+"
)
_ONE_SECTOR = re.compile(r"集中(?:买入|卖出|流入|流出|加仓|减仓)(?P<name>[^,、。;]{2,10}?)(?:等|行业|板块)?,\s*$")
_NAME_END = re.compile(
    r"(?:(?:北上|北向|南下|南向|融资|杠杆|港股通|陆股通|[沪深]股通|外资)(?:资金|客|盘)?|被|遭|遭到|获|获得|得到|总体|整体|合计|累计|分别|依次|资金|主力|大幅|小幅|持续|连续[^,。]{1,5}|逾|超过?|近|本周|当周|当[日天]|昨日|今日|全[周年]|去年|本月|期间|以|则|,|:|、|等|行业|板块|方面|对应|\s)+$"
)
_NEW_FUND = re.compile(
    r"(?:新成立|新发行?(?![展现布明生])|新增发行)(?P<subject>(?:债[券基型]|[^,。;\d债]){0,16}?)(?:基金|产品)?(?:发行)?(?:规模|份额)?(?:为|达|共|约|合计|至)*$|(?P<front>(?:偏股|权益|主动|股票|混合)[^,。;\d]{0,10}?基金)(?:新成立|新发行?|发行|成立)(?:规模|份额)?(?:为|达|共|约|合计|至)*$"
)


@dataclass(slots=True)
class FlowContext:
    """What the sentences before, in the same paragraph, leave open: whose flow it is, and its action."""

    kind: str | None = None
    owner: str = ""
    action: str = ""
    name: str = ""


def find(plain: str, sentence: Sentence, inside: Sequence[Span], context: FlowContext) -> Iterator[Measure]:
    """Yield the flows of one sentence; ``context`` is carried on to the next of its paragraph."""
    found = [q for q in quantities(plain, sentence.start, sentence.end) if q.money and "/" not in q.unit]
    last, action, kind, owner = sentence.start, "", context.kind, context.owner
    fund: str | None = None
    surfaces = {plain[s.start : s.end] for s in inside}
    for run in runs(plain, found, _SEPARATED):
        first = run[0]
        gap = plain[last : first.start]
        for after in run:
            last = after.end
        new = _fund(gap, plain[sentence.start : first.start]) if first.unit in {"units", "CNY", ""} and first.scaled else None
        if new is not None or (fund is not None and _CHANGE.search(gap) and not _ACTION.search(gap)):
            fund = new or fund
            sign = -1 if new is None and _SMALLER.search(gap) else 1
            start, _ = clause_at(plain, sentence, first.start)
            yield _measure("new_fund_issuance", fund or "基金", None, sign * first.value, first, gap, start, first.end)
            continue
        actions = list(_ACTION.finditer(gap))
        changed = bool(_CHANGE.search(gap))
        before, after_action = gap, gap
        behind = _BEHIND.match(plain, run[-1].end) if not actions and not changed and _CAME_IN.search(gap) else None
        if behind is not None:
            action, actions, after_action = behind["action"], [behind], ""
            kind, owner = _owner(gap, None, "", action)
        elif actions:
            action = actions[-1].group()
            before, after_action = gap[: actions[-1].start()], gap[actions[-1].end() :]
            kind, owner = _owner(plain[sentence.start : first.start], kind, owner, action)
            if _SEATS.search(before):  # 深股通净买入2亿元,二机构净卖出1亿元
                kind, owner = None, ""
        if "成交" in action and not (kind in {"northbound_flow", "southbound_flow"} and _says_owner(plain[sentence.start : first.start])):
            action = ""
            continue
        if not actions and (not action or not (changed or re.fullmatch(r"[^。;:]{0,16}", gap))):
            action = ""
            continue
        changed = changed and not (actions and action.startswith("份额"))
        sign = _sign(action) * (-1 if changed and _SMALLER.search(_CHANGE.search(gap).group()) else 1)  # type: ignore[union-attr]
        start, _ = clause_at(plain, sentence, first.start)
        listed = "" if changed or first.bound == "limit" else _LINK.sub("、", after_action).strip("、")
        known = _known(listed, len(run), inside, plain)
        if not known and actions and not changed and not _BALANCE.search(action):
            known = (
                _known(_LINK.sub("、", _NAME_END.sub("", before)).strip("、"), len(run), inside, plain)
                if len(run) > 1
                else _one_name(before, surfaces)
            )
        if known and len(known) == len(run):
            for one, quantity, way in zip(known, run, _signs(plain, run, sign), strict=True):
                symbol = next((s.symbol for s in inside if plain[s.start : s.end] == one and s.start < first.end), None)
                what = _kind(kind, one, symbol)
                if what == "etf_flow" and not one.endswith("ETF"):
                    one, symbol = f"{one}ETF", None
                if what is not None:
                    yield _measure(what, one, symbol, way * abs(quantity.value), quantity, gap, start, run[-1].end)
            continue
        if len(run) > 1 and len({*_signs(plain, run, sign)}) == 1 and actions and not known:
            continue
        if not known and actions and _RECEIVED.search(before):
            continue  # of one thing no instrument is known for, and not of all that channel buys
        if kind is None or (listed and not changed and not _PLAIN_LINK.fullmatch(listed)):
            continue
        symbol = None
        if kind == "insider_trade":
            symbol = _announcer(plain, sentence, inside, start, first.start)
        elif kind == "etf_flow":  # 芯片ETF(512760)净流入
            symbol = next((s.symbol for s in reversed(inside) if -len(gap) <= s.start - first.start < 0 and _FUND.match(s.symbol)), None)
        for quantity, way in zip(run, _signs(plain, run, sign), strict=True):
            subject = (
                action
                if "余额" in action or action == "解禁"
                else f"{owner} {action}"
                if "成交" in action
                else f"{owner} {action}"
                if kind == "insider_trade"
                else owner
            )
            subject += " 变动" if changed else " 前值" if re.search(r"前值|上周为|上期为", gap) else ""
            value = way * abs(quantity.value)
            yield _measure(kind, subject, symbol, value, quantity, gap, start, first.end if len(run) == 1 else run[-1].end)
    context.kind, context.owner, context.action = kind, owner, action


#: a sentence that names whose flows a paragraph is about
OWNER = re.compile(r"北上|北向|陆股通|南下|南向|港股通|融资资金|两融|ETF|股东|产业资本")


def owner(text: str, context: FlowContext) -> tuple[str | None, str]:
    """Return whose flows a sentence is about, else whose the paragraph's were."""
    return _owner(text, context.kind, context.owner, "持")


_SEPARATED = re.compile(r"\s*(?:、|和|及|,|;)?\s*(?:净(?:申购|赎回|流入|流出|买入|卖出))?\s*")
_PLAIN_LINK = re.compile(r"(?:、|累计|合计|总|大幅|小幅|连续|持续|而)*")


def _sign(action: str) -> int:
    return -1 if _OUT.search(action) else 1


def _signs(plain: str, run: Sequence[Quantity], sign: int) -> list[int]:
    """Return the sign of each amount of a run, whose parts may name an action of their own or be written with a minus."""
    signs = [-1 if run[0].written.startswith(("-", "−")) else sign]
    for one, other in pairwise(run):
        own = _ACTION.search(plain, one.end, other.start)
        sign = _sign(own.group()) if own else sign
        signs.append(-1 if other.written.startswith(("-", "−")) else sign)
    return signs


def _fund(gap: str, lead: str) -> str | None:
    match = _NEW_FUND.search(gap)
    raised = re.search(r"(?:发行|募集)(?:规模|份额)(?:为|达|共|约|合计)*$", gap)
    if match is None and raised and re.search(r"新成立|新发(?![展现布明生])", lead):
        return "基金"
    return None if match is None else (match["front"] or match["subject"] or "基金").strip()


def _announcer(plain: str, sentence: Sentence, inside: Sequence[Span], start: int, end: int) -> str | None:
    """Return the company whose shares change hands: the one an announcement is by (甲(600001.SH):股东减持…), else one its clause names."""
    head = next((s for s in inside if not plain[sentence.start : s.start].strip("【 ")), None)
    if head is not None and _ANNOUNCES.match(plain, head.end):
        return head.symbol
    return next((s.symbol for s in inside if start <= s.start < end), None)


_FUND = re.compile(r"(?:1[568]|5[0168])\d{4}\.S[SZ]")
_ANNOUNCES = re.compile(r"\s?(?:[(][^()]*[)])?\s?(?:公告)?[:,]")


def _says_owner(text: str) -> bool:
    return any(pattern.search(text) for _, pattern in _OWNERS)


def _owner(lead: str, kind: str | None, owner: str, action: str) -> tuple[str | None, str]:
    latest: tuple[int, str, str] | None = None
    for what, pattern in _OWNERS:
        for match in pattern.finditer(lead):
            if latest is None or match.start() >= latest[0]:
                latest = (match.start(), what, match.group())
    if latest is None:
        if kind == "insider_trade" and "持" not in action:
            return None, ""
        return kind, owner
    if latest[1] == "insider_trade" and "持" not in action and "解禁" not in action:
        return None, ""
    if latest[1] == "etf_flow":
        found = re.findall(r"([^,、。;:()分]{0,12}ETF)", lead)
        return latest[1], noun(found[-1]) if found else "ETF"
    return latest[1], latest[2]


def _one_name(before: str, surfaces: set[str]) -> list[str]:
    """Return the name right in front of an action: ``医药ETF|净申购``, ``电子行业|净流出``."""
    single = _ONE_SECTOR.search(before)
    if single and single["name"] in INDUSTRIES:
        return [single["name"]]
    piece = re.split(r"[,;:。()]", _NAME_END.sub("", before))[-1]
    found = noun(_NAME_END.sub("", piece))
    found = last if (last := found.rpartition("的")[2]) in INDUSTRIES else found  # 弹性最大的电子行业
    if not found or _says_owner(found.replace("ETF", "")) or len(found) > 14:
        return []
    return [found] if found.endswith(("ETF", "类")) or found in INDUSTRIES or found in surfaces else []


def _known(listed: str, count: int, inside: Sequence[Span], plain: str) -> list[str]:
    found = names(re.split(r"[;:。]", listed)[-1], count)
    if len(found) != count or (count == 1 and len(names(listed, 2)) == 2):
        return []
    surfaces = {plain[s.start : s.end] for s in inside}
    if any(
        _ACTION.search(n) or _CHANGE.search(n) or len(n) > 14 or (any(c.isdigit() for c in n) and "ETF" not in n and n not in surfaces)
        for n in found
    ):
        return []
    if count == 1 and found[0] not in INDUSTRIES and found[0] not in surfaces and not found[0].endswith("ETF"):
        return []
    return found


def _kind(kind: str | None, name: str, symbol: str | None) -> str | None:
    if name.endswith("类") and kind != "etf_flow":
        return None
    if name.endswith("ETF") or kind == "etf_flow":
        return "etf_flow"
    if symbol is not None and name not in INDUSTRIES:
        return kind
    return "sector_flow" if kind is not None or name in INDUSTRIES else None


def _measure(kind: str, subject: str, symbol: str | None, value: float, one: Quantity, gap: str, start: int, end: int) -> Measure:
    return Measure(kind, subject, symbol, value, one.unit or "CNY", one.bound or qualifier(gap[-4:].removesuffix("多")), start, end, one.at)
