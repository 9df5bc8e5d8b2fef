"""Every feature of the library again, by loops over the rows of the tables: slow, and written from the formulas alone."""

import math
from datetime import timedelta
from statistics import mean, stdev

from signals.stated import INDUSTRIES

MIC = {"SS": "XSHG", "SZ": "XSHG", "HK": "XHKG"}
LEAD = timedelta(minutes=30)


def mic(symbol):
    return MIC[symbol[-2:]]


class Market:
    """The rows of one market, and what is known at the cut-off of each session ``k`` of a symbol."""

    def __init__(self, market, calendar, instruments):
        self.rows = {name: frame.rows(named=True) for name, frame in market.items()}
        self.documents = {d["doc_id"]: d for d in self.rows["documents"]}
        self.instruments = instruments.rows(named=True)
        self.opens, self.days = {}, {}
        for row in calendar.sort("session").rows(named=True):
            self.opens.setdefault(row["mic"], []).append(row["open_at"] - LEAD)
            self.days.setdefault(row["mic"], []).append(row["session"])
        self.said, self.happened, self.moves, self.trades, self.bars = {}, {}, {}, {}, {}
        for m in self.rows["mentions"]:
            if m["role"] != "source":
                self.put(self.said, m["symbol"], m)
        for e in self.rows["events"]:
            self.put(self.happened, e["symbol"], e)
        for f in self.rows["facts"]:
            if f["kind"] == "price_move" and f["basis"] in (None, "close", "intraday"):
                self.put(self.moves, f["symbol"], f)
            if f["kind"] == "insider_trade":
                self.put(self.trades, f["symbol"], f)
        for b in sorted(self.rows["bars"], key=lambda b: b["session"]):
            k = self.days[mic(b["symbol"])].index(b["session"])
            cuts = self.opens[mic(b["symbol"])]
            if k + 1 < len(cuts) and b["available_at"] < cuts[k + 1]:
                self.bars.setdefault(b["symbol"], {})[k] = b
        self.returns = {symbol: self.trade_to_trade(rows) for symbol, rows in self.bars.items()}
        self.memory = {}

    def session_of(self, at, market):
        """Session ``k`` is decided at ``opens[k + 1]``; the first one has its stretch from ``opens[0]``."""
        cuts = self.opens[market]
        if at < cuts[0]:
            return None
        return next((k for k in range(len(cuts) - 1) if at < cuts[k + 1]), None)

    def put(self, where, symbol, row):
        k = self.session_of(row["available_at"], mic(symbol))
        if k is not None:
            where.setdefault(symbol, {}).setdefault(k, []).append(row)

    def trade_to_trade(self, rows):
        found, before = {}, None
        for k, bar in rows.items():
            if not bar["suspended"]:
                level = bar["close"] * bar["adj_factor"]
                if before is not None:
                    found[k] = level / before - 1
                before = level
        return found

    def first(self, symbol):
        return min([*self.said.get(symbol, {}), *self.happened.get(symbol, {})], default=None)

    def at(self, symbol, k):
        return self.said.get(symbol, {}).get(k, [])

    def window(self, symbol, t, n):
        return range(max(self.first(symbol), t - n + 1), t + 1)

    def docs(self, symbol, t, n):
        return [m for k in self.window(symbol, t, n) for m in self.at(symbol, k)]

    def decayed(self, value, symbol, t, half_life):
        return sum(0.5 ** ((t - k) / half_life) * value(k) for k in range(self.first(symbol), t + 1))

    def total(self, value, symbol, k):
        return sum(value(m) for m in self.at(symbol, k))

    def faded(self, symbol, t, half_life, top, bottom):
        above = self.decayed(lambda k: self.total(top, symbol, k), symbol, t, half_life)
        below = self.decayed(lambda k: self.total(bottom, symbol, k), symbol, t, half_life)
        return above / below if below > 1e-12 else None

    def tone(self, symbol, k):
        below = self.total(weight, symbol, k)
        return self.total(net, symbol, k) / below if below > 0 else None

    def tone_mean_5(self, symbol, t):
        if (symbol, t) not in self.memory:
            self.memory[symbol, t] = self.faded(symbol, t, 5, net, weight)
        return self.memory[symbol, t]

    def sector(self, symbol, day):
        rows = [i for i in self.instruments if i["symbol"] == symbol and i["valid_from"] <= day]
        rows = [i for i in rows if i["valid_to"] is None or day <= i["valid_to"]]
        return rows[-1]["sector"] if rows else None


def weight(m):
    return m["relevance"] * m["confidence"]


def net(m):
    return weight(m) * m["sentiment"]


def mean_or_none(values):
    return mean(values) if values else None


def over(values, of):
    return sum(values) / sum(of) if of and sum(of) > 0 else None


def news_features(k, s, t):
    """``k`` is the Market, ``s`` the symbol, ``t`` the session's place."""
    d5, d20 = k.docs(s, t, 5), k.docs(s, t, 20)
    start = k.first(s)
    tones = {j: k.tone(s, j) for j in range(start, t + 1)}
    known = {j: v for j, v in tones.items() if v is not None}
    last = max(known, default=None)
    before = [v for j, v in known.items() if t - 60 <= j < t]
    n = {j: len(k.at(s, j)) for j in range(start, t + 1)}
    usual = [n[j] for j in range(max(start, t - 60), t)]
    positive, negative = (lambda docs: sum(m["sentiment"] > 0 for m in docs)), (lambda docs: sum(m["sentiment"] < 0 for m in docs))
    p, q, w = positive(d20), negative(d20), sum(map(weight, d20))
    centre = sum(map(net, d20)) / w if w else None
    tone20 = [known[j] for j in k.window(s, t, 20) if j in known]
    high, low = max((m["sentiment"] for m in d20), default=None), min((m["sentiment"] for m in d20), default=None)
    slow, then = k.faded(s, t, 20, net, weight), k.tone_mean_5(s, t - 5) if t - 5 >= start else None
    fast, now = k.faded(s, t, 2, net, weight), k.tone_mean_5(s, t)
    recent, long = mean(n[j] for j in k.window(s, t, 5)), mean(n[j] for j in k.window(s, t, 60))
    latest = max((j for j in n if n[j]), default=None)
    return {
        "tone_last": known[last] if last is not None and t - last < 60 else None,
        "tone_mean_5": now,
        "tone_mean_20": slow,
        "tone_sum_2": k.decayed(lambda j: k.total(net, s, j), s, t, 2),
        "tone_sum_10": k.decayed(lambda j: k.total(net, s, j), s, t, 10),
        "tone_dispersion_20": stdev(tone20) if len(tone20) > 1 else None,
        "tone_high_20": high,
        "tone_low_20": low,
        "tone_range_20": None if high is None else high - low,
        "tone_surprise_60": tones[t] - mean(before) if tones[t] is not None and len(before) >= 3 else None,
        "tone_crossover_2_20": None if fast is None or slow is None else fast - slow,
        "tone_change_5": None if then is None or now is None else now - then,
        "relevant_tone_5": k.decayed(lambda j: k.total(lambda m: m["relevance"] * m["sentiment"], s, j), s, t, 5),
        "confident_tone_5": k.faded(s, t, 5, lambda m: m["confidence"] * m["sentiment"], lambda m: m["confidence"]),
        "news_5": len(d5),
        "news_20": len(d20),
        "news_abnormal_60": (n[t] - mean(usual)) / math.sqrt(mean(usual) + 1) if len(usual) >= 30 else None,
        "news_trend_5_60": math.log((1 + recent) / (1 + long)),
        "news_since": None if latest is None else t - latest,
        "relevance_5": k.decayed(lambda j: k.total(lambda m: m["relevance"], s, j), s, t, 5),
        "relevance_mean_20": mean_or_none([m["relevance"] for m in d20]),
        "headline_share_20": mean_or_none([m["in_headline"] for m in d20]),
        "subject_share_20": mean_or_none([m["role"] == "subject" for m in d20]),
        "confidence_mean_20": mean_or_none([m["confidence"] for m in d20]),
        "disagreement_20": math.sqrt(sum(weight(m) * (m["sentiment"] - centre) ** 2 for m in d20) / w) if w else None,
        "agreement_20": 1 - math.sqrt(1 - ((p - q) / (p + q)) ** 2) if p + q else None,
        "bullishness_5": math.log((1 + positive(d5)) / (1 + negative(d5))),
    }


def document_features(k, s, t):
    d20 = k.docs(s, t, 20)

    def doc(m):
        return k.documents[m["doc_id"]]

    def novel(m):
        return net(m) * doc(m)["novelty"]

    def run(m, j):
        story = doc(m)["story_id"]
        return sum(any(doc(o)["story_id"] == story for o in k.at(s, i)) for i in range(k.first(s), j + 1))

    return {
        "novel_tone_5": k.decayed(lambda j: k.total(novel, s, j), s, t, 5),
        "novel_tone_mean_5": k.faded(s, t, 5, novel, lambda m: weight(m) * doc(m)["novelty"]),
        "stale_tone_5": k.decayed(lambda j: k.total(lambda m: net(m) * (1 - doc(m)["novelty"]), s, j), s, t, 5),
        "novelty_mean_20": mean_or_none([doc(m)["novelty"] for m in d20]),
        "new_story_share_20": mean_or_none([doc(m)["story_id"] == m["doc_id"] for m in d20]),
        "story_run_20": max((run(m, j) for j in k.window(s, t, 20) for m in k.at(s, j)), default=None),
        "sources_5": sum(len({doc(m)["source"] for m in k.at(s, j)}) for j in k.window(s, t, 5)),
        "source_tone_5": k.decayed(lambda j: k.total(lambda m: net(m) * (3.0 if doc(m)["source"] == "a" else 1.0), s, j), s, t, 5),
        "announcement_share_20": mean_or_none([doc(m)["kind"] == "announcement" for m in d20]),
    }


def event_features(k, s, t, groups):
    found = k.happened.get(s, {})
    value = {j: sum(weight(e) * e["novelty"] * e["sentiment"] for e in found.get(j, [])) for j in range(k.first(s), t + 1)}
    out = {
        "event_tone_5": k.decayed(value.get, s, t, 5),
        "events_20": sum(len(found.get(j, [])) for j in k.window(s, t, 20)),
    }
    for group in groups:
        of = [j for j in range(k.first(s), t + 1) if any(e["event_type"].split(".")[0] == group for e in found.get(j, []))]
        out[f"event_{group}_20"] = float(any(t - j < 20 for j in of))
        out[f"event_{group}_since"] = t - max(of) if of else None
    return out


def section_features(k, s, t):
    """The others of the session are those decided at the same instant."""
    day, cut = k.days[mic(s)][t], k.opens[mic(s)][t + 1]
    others = {}
    for symbol in sorted({*k.said, *k.happened}):
        place = k.days[mic(symbol)].index(day) if day in k.days[mic(symbol)] else None
        if (
            place is not None
            and place + 1 < len(k.opens[mic(symbol)])
            and k.opens[mic(symbol)][place + 1] == cut
            and place >= k.first(symbol)
        ):
            others[symbol] = place
    tones = {symbol: k.tone_mean_5(symbol, place) for symbol, place in others.items()}
    counts = {symbol: len(k.docs(symbol, place, 5)) for symbol, place in others.items()}
    mine = k.sector(s, day)
    same = [o for o in others if mine is not None and k.sector(o, day) == mine]
    market = mean_or_none([v for o, v in tones.items() if o != s and v is not None])
    sector = mean_or_none([tones[o] for o in same if o != s and tones[o] is not None])
    every = [v for v in tones.values() if v is not None]
    return {
        "market_tone_5": market,
        "tone_beyond_market_5": None if market is None or tones[s] is None else tones[s] - market,
        "market_dispersion_5": stdev(every) if len(every) > 1 else None,
        "news_share_5": counts[s] / sum(counts.values()) if sum(counts.values()) else None,
        "sector_tone_5": sector,
        "tone_beyond_sector_5": None if sector is None or tones[s] is None else tones[s] - sector,
        "sector_news_share_5": counts[s] / sum(counts[o] for o in same) if sum(counts[o] for o in same) else None,
    }


def links(k, s, day, roles=None):
    """Documents of the twelve months before the session's month that name both (nobody here has more than 20 peers)."""
    found = {}
    by_doc = {}
    for m in k.rows["mentions"]:
        if m["role"] != "source":
            by_doc.setdefault(m["doc_id"], []).append(m)
    for rows in by_doc.values():
        if not 2 <= len(rows) <= 10:
            continue
        month = rows[0]["available_at"] + timedelta(days=1)
        months = (day.year - month.year) * 12 + day.month - month.month
        for a in rows:
            for b in rows:
                if a["symbol"] == s and b["symbol"] != s and 1 <= months <= 12 and (roles is None or {a["role"], b["role"]} == roles):
                    found[b["symbol"]] = found.get(b["symbol"], 0) + 1
    return found


def linked_features(k, s, t, cache):
    def sums(j, linked):
        top = bottom = 0.0
        for m in k.rows["mentions"]:
            if m["role"] != "source" and m["symbol"] in linked and k.session_of(m["available_at"], mic(s)) == j:
                top, bottom = top + linked[m["symbol"]] * net(m), bottom + linked[m["symbol"]] * weight(m)
        return top, bottom

    def of(name, j):
        if (name, s, j) not in cache:
            day = k.days[mic(s)][j]
            twin = {i["twin"]: 1.0 for i in k.instruments if i["symbol"] == s and i["twin"]}
            linked = twin if name == "twin" else links(k, s, day, {"subject", "counterparty"} if name == "partner" else None)
            cache[name, s, j] = sums(j, linked)
        return cache[name, s, j]

    out = {}
    for feature, name, half_life in (("peer_tone_5", "peer", 5), ("partner_tone_20", "partner", 20), ("twin_tone_5", "twin", 5)):
        top, bottom = (k.decayed(lambda j, i=i, name=name: of(name, j)[i], s, t, half_life) for i in (0, 1))
        out[feature] = top / bottom if bottom > 1e-12 else None
    return out


def fact_features(k, s, t):
    def latest(values, keep):
        found = [values[j] for j in sorted(values) if t - keep < j <= t]
        return mean(found[-1]) if found else None

    def stated(kind, sector=None):
        values = {}
        for f in k.rows["facts"]:
            j = k.session_of(f["available_at"], "XSHG")
            if f["kind"] == kind and j is not None and (sector is None or INDUSTRIES.get(f["subject"], f["subject"]) == sector):
                values.setdefault(j, []).append(f["value"])
        return values

    moves = {j: [f["value"] for f in rows] for j, rows in k.moves.get(s, {}).items() if j >= k.first(s)}
    trades = {j: mean(f["value"] for f in rows) for j, rows in k.trades.get(s, {}).items()}
    sector = k.sector(s, k.days[mic(s)][t])
    home = mic(s) == "XSHG"
    out = {
        "stated_move_20": latest(moves, 20),
        "insider_trade_60": sum(trades.get(j, 0.0) for j in k.window(s, t, 60)),
        "northbound_flow_5": latest(stated("northbound_flow"), 5) if home else None,
    }
    for name, kind in (
        ("sector_flow_20", "sector_flow"),
        ("sector_move_20", "sector_move"),
        ("sector_valuation_20", "valuation_percentile"),
    ):
        out[name] = latest(stated(kind, sector), 20) if home and sector else None
    return out


def price_features(k, s, t, windows):
    """``windows`` gives the windows of the long features, so that a short market has them too."""
    bars, returns = k.bars.get(s, {}), k.returns.get(s, {})
    start = min(bars, default=t + 1)
    traded = {j: b for j, b in bars.items() if not b["suspended"]}
    turnover = {j: b["close"] * b["volume"] for j, b in traded.items()}
    level = {j: b["close"] * b["adj_factor"] for j, b in traded.items()}

    def last(values, n, skip=0):
        found = [values[j] for j in range(max(start, t - n + 1), t - skip + 1) if j in values]
        return found if len(found) >= (n - skip + 1) // 2 else None

    def market(j):
        return mean(r[j] for symbol, r in k.returns.items() if mic(symbol) == mic(s) and j in r)

    logs = {j: math.log1p(r) for j, r in returns.items()}
    impact = {j: abs(r) / turnover[j] for j, r in returns.items() if turnover[j] > 0}
    before = [turnover[j] for j in range(max(start, t - 20), t) if j in turnover]
    usual = mean(before) if len(before) >= 10 else 0.0
    pairs = last({j: (r, market(j)) for j, r in returns.items()}, windows["beta"]) if t >= start else None
    beta = None
    if pairs and len(pairs) > 1:
        a, b = mean(x for x, _ in pairs), mean(y for _, y in pairs)
        beta = sum((x - a) * (y - b) for x, y in pairs) / sum((y - b) ** 2 for _, y in pairs)
    r20, r5, peak = last(returns, 20), last(logs, 5), last(level, windows["high"])
    amount, hurt, trend = last(turnover, 60), last(impact, 60), last(logs, *windows["momentum"])
    out = {
        "return_5": None if r5 is None else sum(r5),
        "momentum": None if trend is None else sum(trend),
        "volatility_20": None if r20 is None else stdev(r20),
        "abnormal_volume_20": math.log(turnover[t] / usual) if turnover.get(t) and usual else None,
        "high_proximity": level[t] / max(peak) - 1 if peak is not None and t in level else None,
        "largest_return_20": None if r20 is None else max(r20),
        "illiquidity_60": math.log(mean(hurt)) if hurt and mean(hurt) > 0 else None,
        "size_60": math.log(mean(amount)) if amount and mean(amount) > 0 else None,
        "beta": beta,
    }
    tone = k.tone_mean_5(s, t)
    out["reversal_5"] = None if r5 is None else -sum(r5)
    out["tone_times_return_5"] = None if r5 is None or tone is None else tone * sum(r5)
    out["tone_per_volatility_20"] = None if r20 is None or tone is None else tone / stdev(r20)
    for name, told in (("news_return_20", True), ("quiet_return_20", False)):
        out[name] = sum(logs.get(j, 0.0) for j in k.window(s, t, 20) if bool(k.at(s, j)) is told)
    return out
