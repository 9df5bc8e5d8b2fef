"""Words around dates, Chinese and English: numerals, weekday and month names, zones, and the signs of a future day."""

from __future__ import annotations

import re
from types import MappingProxyType

from research.patterns import Finder

__all__ = [
    "AS_OF",
    "PART_OF_DAY",
    "SENTENCE_END",
    "TRADITIONAL",
    "month_number",
    "number",
    "says_future",
    "week_ending",
    "weekday_number",
    "zone_named",
]

#: full-width digits and signs, and the traditional characters of the grammar, one for one (offsets stay)
TRADITIONAL = str.maketrans(
    "０１２３４５６７８９（）：，－～．／\u3000\xa0"
    "週禮時間訊電號後個內開盤紐約東倫歐發來這當將預計劃應報導總點韓臺灣滬證創業納標華爾聯儲緊達債財經國紀於擬訂從為過還兩幾餘連續",
    "0123456789():,-~./  "
    "周礼时间讯电号后个内开盘纽约东伦欧发来这当将预计划应报导总点韩台湾沪证创业纳标华尔联储紧达债财经国纪于拟订从为过还两几余连续",
)

_CN_DIGITS = MappingProxyType({c: i for i, c in enumerate("〇一二三四五六七八九")} | {"零": 0})
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

SENTENCE_END = Finder.of(r"[。!?！？\n;；]|\.\s+(?=[A-Z])")
_FUTURE_BEFORE = re.compile(
    r"(?:将于|将在|将自|将从|拟于|定于|计划[于在]|预计[于在到]?|有望[于在]|最迟|不迟于|不晚于|[推延]迟?期?至|展望|到期日为?"
    r"|届满日为?|直至|将[持延]续[至到])\s?(?:今年|下周|本周)?\s?$"
)
_FUTURE_VERB = re.compile(r"\b(?:will|due|scheduled|expected|slated|set to|plans? to|meets?|to be)\b(?!.*[.;:])", re.IGNORECASE)
_FUTURE_LIMIT = re.compile(r"\b(?:by|until|no later than|before)\s(?:the\s)?$", re.IGNORECASE)
_FUTURE_AFTER = re.compile(r"\s?(?:将[^军]|拟(?!合)|前(?!后|期|收)|之前|即将|到期|届满|起施行|起实施)|,?\s(?:will|is due|is scheduled)\b")
PART_OF_DAY = re.compile(
    r"\s?(?:凌晨|清晨|早晨|早间|早盘|上午|午间|中午|下午|午后|傍晚|晚间|晚上|晚|夜间|深夜|夜盘|盘前|盘中|盘后|尾盘|收盘后?|开盘|收市)"
    r"|\s?\d{1,2}(?::|时|点)\d{2}(?::\d{2})?分?|\s(?:morning|afternoon|evening|night)\b"
)
_WEEK_ENDING = re.compile(r"\bweek[- ]end(?:ed|ing)\s(?:on\s)?$", re.IGNORECASE)
_OF_WEEK = re.compile(r"\s?(?:当周|止当周|的?一周)")
AS_OF = re.compile(r"(?:截至|截止到?|\bas of (?:the close (?:on|of) )?)\s?$", re.IGNORECASE)

_ZONE_NAMES = (
    ("北京|Beijing|A股|沪|上证|深|创业板|科创|北向|^央行|Shanghai|Shenzhen", "Asia/Shanghai"),
    ("香港|港股|恒生|恒指|HKT|Hong Kong|Hang Seng", "Asia/Hong_Kong"),
    ("美国?西|P[SD]?T$", "America/Los_Angeles"),
    ("芝加哥", "America/Chicago"),
    ("美|纽|华尔街|纳|道|标普|费城|白宫|COMEX|NYMEX|^E[SD]?T$|Eastern|New York|Wall Street|Nasdaq|NASDAQ|S&P|Dow|NYSE", "America/New_York"),
    ("伦敦|英国|LME|BST|London|FTSE", "Europe/London"),
    ("格林|GMT|UTC", "UTC"),
    ("法国", "Europe/Paris"),
    ("欧|德国|法兰克福|CES?T|Frankfurt", "Europe/Berlin"),
    ("东京|日股|日经|日本|JST|Tokyo|Nikkei", "Asia/Tokyo"),
    ("韩|KOSPI|Kospi|首尔|KST|Seoul", "Asia/Seoul"),
    ("印度", "Asia/Kolkata"),
    ("澳|悉尼", "Australia/Sydney"),
    ("台股", "Asia/Taipei"),
)
_ZONE_OF = tuple((re.compile(words), zone) for words, zone in _ZONE_NAMES)


def zone_named(word: str) -> str | None:
    """Return the IANA zone a zone or place word stands for; ``None`` for "local time"."""
    return next((zone for pattern, zone in _ZONE_OF if pattern.search(word)), None)


def says_future(plain: str, low: int, start: int, end: int) -> bool:
    """Tell whether the words around a date at ``start`` to ``end`` put it in the future; ``low`` bounds the look back."""
    if _FUTURE_AFTER.match(plain, end):
        return True
    before = plain[low:start]
    if not plain[start].isascii() or not before.isascii():
        return _FUTURE_BEFORE.search(before) is not None
    return _FUTURE_VERB.search(before) is not None or _FUTURE_LIMIT.search(before) is not None


def week_ending(plain: str, start: int, end: int) -> bool:
    """Tell whether the date at ``start`` to ``end`` names the week it closes: ``the week ended July 26``, 截至7月26日当周."""
    return bool(_WEEK_ENDING.search(plain, max(0, start - 24), start)) or bool(
        AS_OF.search(plain, max(0, start - 6), start) and _OF_WEEK.match(plain, end)
    )


def number(word: str) -> int:
    """Read 7, 07, 七, 十二, 二十六 or 二〇二四.

    >>> [number(w) for w in ("07", "七", "十", "十二", "二十", "三十一", "二〇二四")]
    [7, 7, 10, 12, 20, 31, 2024]
    """
    if word.isascii():
        return int(word)
    if "十" in word:
        tens, _, ones = word.partition("十")
        return 10 * (_CN_DIGITS[tens] if tens else 1) + (_CN_DIGITS[ones] if ones else 0)
    value = 0
    for digit in word:
        value = 10 * value + _CN_DIGITS[digit]
    return value


def month_number(word: str) -> int:
    """Return 1 to 12 for an English month name, short or long."""
    return _MONTHS.index(word[:3].lower()) + 1


def weekday_number(word: str) -> int:
    """Return 0 (Monday) to 6 for 一 … 六, 日, 天, 末 (Sunday) or an English name."""
    if len(word) == 1:
        return "一二三四五六日".index("日" if word in "天末" else word)
    return _WEEKDAYS.index(word[:3].lower())
