"""Names clipped to one character each, as headlines join them: 金银暴跌, 铜油走强, 银、铜、铝集体上涨, 日韩股市, 双焦.

A character is never a name by itself; two or more of them that trade count where words about a price follow. Texts are expected to have
gone through :func:`research.cleaning.plain`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from research import listings, roles

__all__ = ["find"]

#: character -> contract abroad, contract of the mainland
_METALS: Mapping[str, tuple[str, str]] = {
    "金": ("GC=F", "SHFE:AU"),
    "银": ("SI=F", "SHFE:AG"),
    "铜": ("HG=F", "SHFE:CU"),
    "铝": ("ALI=F", "SHFE:AL"),
    "油": ("CL=F", "INE:SC"),
    "铂": ("PL=F", "GFEX:PT"),
    "钯": ("PA=F", "GFEX:PD"),
}
#: words whose characters are instruments each, with or without a price beside them
_WORDS: Mapping[str, tuple[str, str]] = {"双焦": ("DCE:J", "DCE:JM")}
_JOINED = re.compile(r"(?P<run>[金银铜铝油铂钯](?:、?[金银铜铝油铂钯]){1,4})(?:价格?|市|期货)?(?![一-鿿]?股)")
#: what may stand before the first: 现货金银, 国际油金; 合金银行 is another word
_LEFT = re.compile(r"(?:现货|国际|期货|沪盘|外盘|内盘|(?<![一-鿿A-Za-z]))\Z")
#: alone it trades where its move stands right behind it: 铜跌4%
_ALONE = re.compile(r"[银铜铝铂钯](?=(?:一度|盘中|大|暴|狂|收|累|再|续|微)*[涨跌](?:[超逾近约]|幅)*\d)(?<![一-鿿A-Za-z].)")
_KOREA_LEFT = re.compile(r"(?<![一-鿿])日(?=韩股(?:市|指)?)")
_SHAPED = re.compile(r"^[深“\"]{0,2}V[”\"]?[形型字]?|^(?:比翼)?齐[飞升涨跌创]|^共舞|^狂欢|^新高")


def find(text: str) -> list[tuple[str, int, int]]:
    """Return symbol, start and end of each instrument that one character of a joined name stands for.

    >>> find("金银暴跌,美元走强"), find("金银花涨价"), find("双焦走弱")
    ([('GC=F', 0, 1), ('SI=F', 1, 2)], [], [('DCE:J', 0, 1), ('DCE:JM', 1, 2)])
    >>> find("银、铜、铝集体上涨"), find("日韩股市大跌")
    ([('SI=F', 0, 1), ('HG=F', 2, 3), ('ALI=F', 4, 5)], [('^N225', 0, 1)])
    """
    found: list[tuple[str, int, int]] = []
    for match in _JOINED.finditer(text):
        run, start = match["run"], match.start("run")
        metals = [at for at, character in enumerate(run) if character in _METALS]
        if not _LEFT.search(text, max(0, start - 2), start) or len({run[at] for at in metals}) < len(metals):
            continue
        right = text[match.end() : match.end() + roles.AFTER]
        if _SHAPED.match(right) or roles.move_cue("", right):
            home = listings.domestic(text, start, match.end())
            found += [(_METALS[run[at]][home], start + at, start + at + 1) for at in metals]
    for match in _ALONE.finditer(text):
        found.append((_METALS[match.group()][listings.domestic(text, match.start(), match.end())], match.start(), match.end()))
    for word, symbols in _WORDS.items():
        for match in re.finditer(word, text):
            found += [(symbol, match.start() + at, match.start() + at + 1) for at, symbol in enumerate(symbols)]
    if "日韩股" in text:
        found += [("^N225", match.start(), match.end()) for match in _KOREA_LEFT.finditer(text)]
    return sorted(found, key=lambda one: one[1])
