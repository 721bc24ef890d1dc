#!/usr/bin/env python3
"""The price of random usage by a slow, literal reading of the genai-prices v2 schema.

    oracle.py data.json SEED PER_MODEL

One line a case: provider TAB model TAB unix-seconds TAB usage_key=count,... TAB expected, where expected
is pico-dollars or the name of a reason (unknown_bucket, unknown_model). Written from the schema's own
sentences and shares nothing with the C code: units are sets of dimensions, a unit's share of the usage
is what no more specific priced unit has taken, money is fractions. "input_mtok" is, as the schema says,
for uncached tokens: cached ones are priced by a cache price or not at all.
"""
import datetime
import json
import random
import re
import sys
from decimal import Decimal
from fractions import Fraction

MODALITIES = ["text", "audio", "image", "video"]


def tokens(direction, kind=None, modality=None, ttl=None):
    dims = {("direction", direction)}
    for name, value in (("kind", kind), ("modality", modality), ("ttl", ttl)):
        if value:
            dims.add((name, value))
    return frozenset(dims)


UNITS = {}  # usage key -> (price key, per, dimensions)


def unit(usage, price, per, dims):
    UNITS[usage] = (price, per, dims)


unit("input_tokens", "input_mtok", 10**6, tokens("in"))
unit("output_tokens", "output_mtok", 10**6, tokens("out"))
unit("cache_read_tokens", "cache_read_mtok", 10**6, tokens("in", "read"))
unit("cache_write_tokens", "cache_write_mtok", 10**6, tokens("in", "write"))
unit("input_tool_tokens", "input_tool_mtok", 10**6, tokens("in", "tool"))
unit("output_reasoning_tokens", "output_reasoning_mtok", 10**6, tokens("out", "reasoning"))
unit("output_citation_tokens", "output_citation_mtok", 10**6, tokens("out", "citation"))
for t in ("5m", "1h"):
    unit(f"cache_write_{t}_tokens", f"cache_write_{t}_mtok", 10**6, tokens("in", "write", None, t))
for m in MODALITIES:
    unit(f"input_{m}_tokens", f"input_{m}_mtok", 10**6, tokens("in", None, m))
    unit(f"output_{m}_tokens", f"output_{m}_mtok", 10**6, tokens("out", None, m))
    unit(f"cache_{m}_read_tokens", f"cache_{m}_read_mtok", 10**6, tokens("in", "read", m))
    unit(f"cache_{m}_write_tokens", f"cache_{m}_write_mtok", 10**6, tokens("in", "write", m))
    unit(f"input_{m}_tool_tokens", f"input_{m}_tool_mtok", 10**6, tokens("in", "tool", m))
    unit(f"output_{m}_reasoning_tokens", f"output_{m}_reasoning_mtok", 10**6, tokens("out", "reasoning", m))
    unit(f"output_{m}_citation_tokens", f"output_{m}_citation_mtok", 10**6, tokens("out", "citation", m))
    for t in ("5m", "1h"):
        unit(f"cache_{m}_write_{t}_tokens", f"cache_{m}_write_{t}_mtok", 10**6, tokens("in", "write", m, t))
TOKEN_KEYS = list(UNITS)
for usage, price, per in [
    ("input_characters", "input_mchars", 10**6), ("input_text_messages", "input_text_messages_kcount", 1000),
    ("input_pixels", "input_gpixels", 10**9), ("rerank_searches", "rerank_searches_kcount", 1000),
    ("web_searches", "web_searches_kcount", 1000), ("social_searches", "social_searches_kcount", 1000),
    ("storage_searches", "storage_searches_kcount", 1000), ("code_executions", "code_executions_kcount", 1000),
    ("requests", "requests_kcount", 1000),
]:
    unit(usage, price, per, frozenset({("family", usage)}))


def clause(c, text):
    (kind, value), = c.items()
    if kind == "or":
        return any(clause(x, text) for x in value)
    if kind == "and":
        return all(clause(x, text) for x in value)
    if kind == "regex":
        return re.search(value, text) is not None
    value = value.lower()
    return {"equals": text == value, "starts_with": text.startswith(value),
            "ends_with": text.endswith(value), "contains": value in text}[kind]


def find_model(providers, provider, name):
    """The first model that matches; then, one step, the fallback providers."""
    for model in provider["models"]:
        if clause(model["match"], name):
            return model
    for other in provider.get("fallback_model_providers", []):
        for model in next(p for p in providers if p["id"] == other)["models"]:
            if clause(model["match"], name):
                return model
    return None


def seconds(text):
    h, m, s = text.rstrip("Z").split(":")
    return int(h) * 3600 + int(m) * 60 + int(s)


def prices_at(model, when):
    prices = model["prices"]
    if isinstance(prices, dict):
        return prices
    for item in reversed(prices):
        constraint = item.get("constraint")
        if constraint is None:
            return item["prices"]
        if "start_date" in constraint:
            day = datetime.datetime.fromtimestamp(when, datetime.timezone.utc).date()
            if day >= datetime.date.fromisoformat(constraint["start_date"]):
                return item["prices"]
        else:
            now, start, end = when % 86400, seconds(constraint["start_time"]), seconds(constraint["end_time"])
            if start <= now < end if start <= end else now >= start or now < end:
                return item["prices"]
    return prices[0]["prices"]


def rate(price, total_input):
    if not isinstance(price, dict):
        return Fraction(price)
    best = price["base"]
    for tier in sorted(price["tiers"], key=lambda t: t["start"]):
        if total_input > tier["start"]:
            best = tier["price"]
    return Fraction(best)


def round_even(x):
    whole = x.numerator // x.denominator
    rest = x - whole
    if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2):
        whole += 1
    return whole


def literal_price(model, prices, usage):
    if not prices and model["id"].endswith(":free"):
        return 0
    left = dict(usage)
    # "uncached": cached tokens are not the input price's to take
    for m in [None] + MODALITIES:
        infix = f"_{m}" if m else ""
        for word in ("read", "write"):
            left[f"input{infix}_tokens"] = left.get(f"input{infix}_tokens", 0) - usage.get(f"cache{infix}_{word}_tokens", 0)
    cache = lambda dims: ("kind", "read") in dims or ("kind", "write") in dims
    priced = [u for u in UNITS if UNITS[u][0] in prices]
    taken, total = {}, Fraction(0)
    for u in sorted(priced, key=lambda u: -len(UNITS[u][2])):
        price_key, per, dims = UNITS[u]
        below = [v for v in taken if v != u and dims < UNITS[v][2] and cache(UNITS[v][2]) == cache(dims)]
        taken[u] = left.get(u, 0) - sum(taken[v] for v in below)
        assert taken[u] >= 0, (u, usage)
        total += rate(prices[price_key], usage.get("input_tokens", 0)) * taken[u] / per
    # every token and fee must have been taken by someone, or the price is not known
    for top in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"):
        dims = UNITS[top][2]
        got = sum(n for u, n in taken.items() if dims <= UNITS[u][2] and cache(UNITS[u][2]) == cache(dims))
        if got != left.get(top, 0):
            return "unknown_bucket"
    for u in usage:
        if u not in TOKEN_KEYS and u != "requests" and usage[u] and u not in taken:
            return "unknown_bucket"
    return round_even(total * 10**12)


def random_usage(rng, priced):
    """Disjoint cells, added up to the schema's inclusive counts."""
    usage = {}

    def cell(keys):
        if rng.random() < 0.5:
            return
        n = rng.choice([1, 7, rng.randrange(1, 5000), rng.randrange(1, 400000), 200000, 272000])
        for k in keys:
            usage[k] = usage.get(k, 0) + n

    rich = rng.random() < 0.3  # any unit, whether the model prices it or not
    for m in [None] + MODALITIES:
        i = f"_{m}" if m else ""
        top = lambda d: [f"{d}_tokens"] + ([f"{d}_{m}_tokens"] if m else [])
        allowed = m is None or rich or rng.random() < 0.2
        if not allowed:
            continue
        cell(top("input"))
        cell(top("output"))
        if rich or "output_reasoning_mtok" in priced or rng.random() < 0.5:
            cell(top("output") + ["output_reasoning_tokens"] + ([f"output_{m}_reasoning_tokens"] if m else []))
        if rich:
            cell(top("output") + ["output_citation_tokens"] + ([f"output_{m}_citation_tokens"] if m else []))
            cell(top("input") + ["input_tool_tokens"] + ([f"input_{m}_tool_tokens"] if m else []))
        if rich or "cache_read_mtok" in priced:
            cell(top("input") + ["cache_read_tokens"] + ([f"cache_{m}_read_tokens"] if m else []))
        if rich or "cache_write_mtok" in priced:
            write = top("input") + ["cache_write_tokens"] + ([f"cache_{m}_write_tokens"] if m else [])
            cell(write)
            for t in ("5m", "1h"):
                cell(write + [f"cache_write_{t}_tokens"] + ([f"cache_{m}_write_{t}_tokens"] if m else []))
    for fee in ("web_searches", "code_executions", "rerank_searches", "input_characters", "input_pixels"):
        if UNITS[fee][0] in priced or (rich and rng.random() < 0.05):
            usage[fee] = rng.randrange(0, 50)
    usage["requests"] = 1
    return usage


def a_name(rng, c):
    """Some name that the clause may match."""
    (kind, value), = c.items()
    if kind == "or":
        return a_name(rng, rng.choice(value))
    if kind == "and":
        return a_name(rng, value[0])
    if kind == "regex":
        return re.sub(r"\\d\{(\d)\}", lambda m: "20260101"[: int(m[1])], value.strip("^$")).replace("\\d", "1").replace("\\.", ".")
    return {"equals": value, "starts_with": value + rng.choice(["", "-x", "-2026-01-01"]),
            "ends_with": rng.choice(["", "us."]) + value, "contains": rng.choice(["", "us."]) + value + rng.choice(["", "-v1:0"])}[kind]


def edges(rng, model, when):
    """A moment at which the prices of the model change, or the second before or after it."""
    if not isinstance(model["prices"], list) or rng.random() < 0.4:
        return when
    row = rng.choice(model["prices"]).get("constraint") or {}
    at = None
    if "start_date" in row:
        at = int(datetime.datetime.fromisoformat(row["start_date"] + "T00:00:00+00:00").timestamp())
    elif "start_time" in row:
        clock = datetime.time.fromisoformat(rng.choice([row["start_time"], row["end_time"]]).replace("Z", "+00:00"))
        at = when - when % 86400 + clock.hour * 3600 + clock.minute * 60
    return when if at is None else at + rng.choice([-1, 0, 1])


def at_a_tier(rng, prices, usage):
    """The whole input exactly at the start of a tier, or one more."""
    starts = [t["start"] for p in prices.values() if isinstance(p, dict) for t in p["tiers"]]
    if not starts or rng.random() < 0.6:
        return usage
    return {"input_tokens": rng.choice(starts) + rng.choice([0, 1]), "output_tokens": rng.randrange(0, 100), "requests": 1}


def address(rng, providers, provider):
    """A URL by which the provider is found, where its pattern is plain."""
    url = provider["api_pattern"].replace("\\.", ".")
    if rng.random() < 0.8 or not re.fullmatch(r"https://[a-z0-9./-]+", url):
        return provider["id"]
    first = next(p for p in providers if re.match(p["api_pattern"], url + "/v1"))
    return url + "/v1" if first is provider else provider["id"]


def main():
    path, seed, per_model = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    providers = json.load(open(path), parse_float=Decimal, parse_int=int)
    rng = random.Random(seed)
    for provider in providers:
        for model in provider["models"]:
            for _ in range(per_model):
                name = rng.choice([model["id"], a_name(rng, model["match"])])
                if rng.random() < 0.2:
                    name = name.upper()
                found = find_model(providers, provider, name.lower())
                when = rng.randrange(1735689600, 1830297600)
                when = edges(rng, found, when) if found else when
                prices = prices_at(found, when) if found else {}
                usage = at_a_tier(rng, prices, random_usage(rng, prices))
                expected = literal_price(found, prices, usage) if found else "unknown_model"
                pairs = ",".join(f"{k}={n}" for k, n in usage.items())
                print(address(rng, providers, provider), name, when, pairs, expected, sep="\t")


main()
