"""First use after teaching, uptake of recommendations, answers to notes: pairs a reader can count, and brute force."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alignlib.diagnostics.content.stock import Stock
from alignlib.diagnostics.content.teaching import part
from alignlib.engagement import Settings
from alignlib.incidence import clustered_incidence, clustered_incidence_gap, incidence
from alignlib.intake.tables import Tables
from alignlib.result import Part

Make = Callable[..., Tables]
END = date(2025, 12, 31)
# The log tells of the whole year: what Marketing does is no use and makes nobody a seller.
LOGGED = [
    {"asset_id": "page", "user_id": "editor", "team": "marketing", "event": "view", "used_at": f"2025-{on} 12:00"}
    for on in ("01-01", "12-31")
]
SHOWN = [
    {"asset_id": "deck", "user_id": "s1", "trained_on": "2025-03-01"},
    {"asset_id": "deck", "user_id": "s2", "trained_on": "2025-03-11"},
    {"asset_id": "case", "user_id": "s3", "trained_on": "2025-12-11"},
    {"asset_id": "brief", "user_id": "s4", "trained_on": "2025-06-01"},
    {"asset_id": "brief", "user_id": "s1", "trained_on": "2025-06-11"},
    {"asset_id": "brief", "user_id": "s2", "trained_on": "2026-01-02"},  # not yet
]


def use(asset: str, user: str | None, at: str, event: str = "view", team: str = "sales") -> dict[str, Any]:
    return {"asset_id": asset, "user_id": user, "team": team, "event": event, "used_at": at}


USES = [
    *LOGGED,
    use("deck", "s1", "2025-03-05 10:00"),  # shown, used on day 4
    use("deck", "s2", "2025-03-06 10:00"),  # before being shown it: not shown, used on day 5; as a taught pair left out
    use("deck", "s3", "2025-02-20 10:00"),  # before anybody was shown it: in neither curve
    use("case", "s1", "2025-12-21 10:00"),  # not shown, used on day 10
    use(
        "brief", "s1", "2025-06-11 10:00"
    ),  # on the day of being shown it: shown, day 0; not shown until the day before
    use("brief", "s4", "2025-07-31 10:00"),  # shown, used on day 60
    use("brief", "s4", "2025-06-02 10:00", event="edit"),
    use("brief", "s4", "2025-06-02 10:00", team="marketing"),
    use("brief", None, "2025-06-03 10:00"),
]


def settings(limit: float | None = 0.4, **changes: Any) -> Settings:
    keys = ("use_after_teaching", "teaching_gain", "recommendation_uptake", "notes_answered")
    base: dict[str, Any] = {
        "version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"},
        "as_of": "2025-12-31", "currency": "EUR", "timezone": "UTC",
        "thresholds": {} if limit is None else dict.fromkeys(keys, limit), "survey": {"smallest_group": 3},
    }  # fmt: skip
    return Settings.model_validate(base | changes)


def told(tables: Tables, agreed: Settings | None = None) -> Part:
    stock, agreed = Stock(pd.DataFrame(), ""), agreed or settings()
    if tables.has("asset_usage"):  # this part asks no more of the stock than the log's span
        found = tables.query(
            "select min(used_at)::date::varchar as a, max(used_at)::date::varchar as b from asset_usage"
        )
        stock = Stock(pd.DataFrame(), "events", date.fromisoformat(found["a"][0]), date.fromisoformat(found["b"][0]))
    return part(tables, agreed, stock)


def finding(found: Part, key: str) -> Any:
    return {one.key: one for one in found.findings}[key]


def exhibit(found: Part, key: str) -> Any:
    return {one.key: one for one in found.exhibits}[key]


def at(found: Part, key: str, day: int, label: str) -> Any:
    return next(row for row in exhibit(found, key).rows if (row["day"], row["label"]) == (day, label))


# --- first use after teaching -----------------------------------------------------------------------------------------


def test_first_use_counts_shown_and_not_shown_pairs_without_a_day_twice(make_tables: Make) -> None:
    found = told(make_tables({"training": SHOWN, "asset_usage": USES}))
    measure = finding(found, "content.taught").measure
    # shown: used on days 0, 4 and 60, one open since day 20; by day 30: 1 - 3/4 * 2/3
    assert (measure.k, measure.n, measure.value) == (2, 4, pytest.approx(0.5))
    # not shown: deck s2 day 5, s4 open; case s1 day 10, s2 and s4 open on day 20; brief s1 on day 9, s2, s3 later
    assert at(found, "content.first_use", 30, "Not shown it")["share"] == pytest.approx(1 - 7 / 8 * 5 / 6)
    shown, not_shown = ([4, 20, 60, 0], [1, 0, 1, 1], [1, 3, 4, 1]), (
        [5, 60, 10, 20, 20, 9, 60, 60], [1, 0, 1, 0, 0, 0, 0, 0], [2, 4, 1, 2, 4, 1, 2, 3])  # fmt: skip
    alone, gap = clustered_incidence(*shown, 30), clustered_incidence_gap(shown, not_shown, 30)
    assert (measure.low, measure.high) == pytest.approx((alone.low, alone.high))
    assert gap.low is not None and gap.high is not None
    title = exhibit(found, "content.first_use").title
    assert title.startswith(
        "Sellers use 50\u00a0% of what they were shown within 30 days, 27\u00a0% of what they were not"
    )
    assert f"difference \u2212{-gap.low * 100:.0f} to {gap.high * 100:.0f}" in title
    agreed = settings().thresholds["use_after_teaching"]
    assert exhibit(found, "content.first_use").lead.endswith(f" Agreed: at least {agreed * 100:.0f}\u00a0%.")


def test_a_pair_used_before_it_was_shown_is_left_out_and_said(make_tables: Make) -> None:
    shown = exhibit(told(make_tables({"training": SHOWN, "asset_usage": USES})), "content.first_use")
    assert "1 case left out in which the seller had used the asset before." in shown.read
    assert "association" in shown.says_not and "chose" in shown.says_not


def test_what_was_shown_before_the_log_began_is_left_out_and_said(make_tables: Make) -> None:
    late = [LOGGED[0] | {"used_at": "2025-05-01 12:00"}, *(row for row in USES if row["used_at"] > "2025-05")]
    found = told(make_tables({"training": SHOWN, "asset_usage": late}))
    assert finding(found, "content.taught").measure.n == 3
    said = "2 cases of an asset shown to a seller before uses were logged (1 May 2025): left out."
    never = "The log of uses never names 1 of 3 people to whom content was shown: they count as not using it."
    assert found.caveats == [never, said]


def test_nothing_is_followed_beyond_a_log_that_ends_early(make_tables: Make) -> None:
    early = [row for row in USES if row["used_at"] < "2025-08" and row["user_id"] != "s2"]
    found = told(make_tables({"training": SHOWN, "asset_usage": early}))
    assert finding(found, "content.taught").measure.n == 4  # the case was shown after the log ended
    assert any("until 31 July 2025, when the log ends" in caveat for caveat in found.caveats)


def test_a_share_read_before_the_agreed_days_says_the_shorter_span_and_is_not_acted_on(make_tables: Make) -> None:
    shown = [{"asset_id": f"a{i}", "user_id": f"s{i % 20}", "trained_on": "2025-12-21"} for i in range(400)]
    uses = [*LOGGED, use("a1", "s1", "2025-12-25 09:00"), use("a2", "s2", "2025-12-24 09:00")]
    uses += [use("other", f"s{i}", "2025-03-01 09:00") for i in range(20)]
    judged = finding(told(make_tables({"training": shown, "asset_usage": uses})), "content.taught")
    assert "within 10 days" in judged.title and judged.level == "unclear" and judged.measure.high < 0.4
    old = [row | {"trained_on": "2025-11-21"} for row in shown]
    assert finding(told(make_tables({"training": old, "asset_usage": uses})), "content.taught").level == "act"


def test_the_day_of_a_use_is_that_of_the_clients_time_zone(make_tables: Make) -> None:
    shown = [{"asset_id": "deck", "user_id": u, "trained_on": "2025-03-01"} for u in ("s1", "s2", "s3")]
    tables = make_tables({"training": shown, "asset_usage": [*LOGGED, use("deck", "s1", "2025-03-31 23:30")]})
    assert finding(told(tables), "content.taught").measure.k == 1  # day 30
    assert finding(told(tables, settings(timezone="Europe/Berlin")), "content.taught").measure.k == 0


def test_without_training_or_names_in_the_log_nothing_is_judged(make_tables: Make) -> None:
    nameless = [row | {"user_id": None} for row in USES]
    for tables in ({"training": SHOWN}, {"training": SHOWN, "asset_usage": nameless}, {"asset_usage": USES}):
        found = told(make_tables(tables))
        assert not found.findings and len(found.not_judged) == 3
        assert all(left.settle for left in found.not_judged)


def test_where_every_seller_was_shown_it_there_is_one_curve_and_no_comparison(make_tables: Make) -> None:
    shown = [{"asset_id": "deck", "user_id": f"s{i}", "trained_on": "2025-03-01"} for i in range(4)]
    found = told(make_tables({"training": shown, "asset_usage": [*LOGGED, use("deck", "s1", "2025-03-05 10:00")]}))
    assert {row["label"] for row in exhibit(found, "content.first_use").rows} == {"Sellers shown it"}
    assert exhibit(found, "content.first_use").title == "Sellers use 25\u00a0% of what they were shown within 30 days"


def random_company(seed: int) -> dict[str, list[dict[str, Any]]]:
    """12 sellers, 2 people of Marketing, 25 assets, shown to some on days of the year and used on others."""
    rng = np.random.default_rng(seed)

    def a_day() -> date:
        return date(2025, 1, 1) + timedelta(int(rng.integers(364)))

    people = [f"s{i}" for i in range(12)] + ["m1", "m2"]
    shown = {(f"a{rng.integers(20)}", people[rng.integers(14)]): a_day() for _ in range(60)}
    uses = [
        use(f"a{rng.integers(25)}", who := people[rng.integers(14)], f"{a_day()} 12:00",
            str(rng.choice(["view", "share", "download", "edit"])), "marketing" if who[0] == "m" else "sales")
        for _ in range(400)
    ]  # fmt: skip
    told = [
        {"asset_id": f"a{rng.integers(25)}", "user_id": people[rng.integers(14)],
         "recommended_at": f"{a_day()} {rng.integers(8, 18):02}:00"} for _ in range(150)
    ]  # fmt: skip
    training = [{"asset_id": a, "user_id": u, "trained_on": on.isoformat()} for (a, u), on in shown.items()]
    return {"training": training, "asset_usage": [*LOGGED, *uses], "recommendations": told}


def pair_by_pair(rows: dict[str, list[dict[str, Any]]]) -> tuple[Any, Any]:
    """Shown and not shown pairs one by one, as the docstring of ``first_use`` says it."""
    shown = {(r["asset_id"], r["user_id"]): date.fromisoformat(r["trained_on"]) for r in rows["training"]}
    first, used = dict[str, date](), dict[tuple[str, str], date]()
    for (asset, _), on in shown.items():
        first[asset] = min(on, first.get(asset, on))
    for row in rows["asset_usage"]:
        if row["event"] != "edit" and row["team"] != "marketing":
            pair, on = (row["asset_id"], row["user_id"]), date.fromisoformat(row["used_at"][:10])
            used[pair] = min(on, used.get(pair, on))
    sellers = sorted({u for t in rows for r in rows[t] if (u := r["user_id"])[0] == "s"})
    taught, untaught = [], []
    for asset, begun in first.items():
        for i, seller in enumerate(sellers):
            on, at = shown.get((asset, seller)), used.get((asset, seller))
            if on and not (at and at < on):
                taught.append((((at or END) - on).days, at is not None, i))
            stop = min(on - timedelta(1), END) if on else END
            if not (on == begun or (at and at < begun)):
                is_used = at is not None and at <= stop
                untaught.append((((at if is_used else stop) - begun).days, is_used, i))
    return tuple(zip(*taught, strict=True)), tuple(zip(*untaught, strict=True))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counting_pairs_in_groups_equals_counting_them_one_by_one(make_tables: Make, seed: int) -> None:
    rows = random_company(seed)
    found, sides = told(make_tables(rows)), pair_by_pair(rows)
    judged = finding(found, "content.taught").measure
    (held,) = [row for row in found.exhibits[0].rows if row.get("promised")]
    assert judged.n == len(sides[0][0]) and (held["label"], held["promised"]) == ("Sellers shown it", "30 days")
    assert (held["share"], held["low"], held["high"]) == (judged.value, judged.low, judged.high)
    for day in (3, 12, 30, 60):
        for label, side in zip(("Sellers shown it", "Not shown it"), sides, strict=True):
            row, alone = at(found, "content.first_use", day, label), clustered_incidence(*side, day)
            assert (row["share"], row["low"], row["high"]) == pytest.approx((alone.value, alone.low, alone.high))


def test_order_names_and_dates_change_nothing(make_tables: Make) -> None:
    rows, rng = random_company(4), np.random.default_rng(4)
    names = {f"{team}{i}": f"x{rng.integers(10**9)}" for team in "sm" for i in range(12)} | {"editor": "q"}
    later = {key: lambda v: (date.fromisoformat(v[:10]) + timedelta(364)).isoformat() + v[10:]
             for key in ("used_at", "trained_on", "recommended_at")}  # fmt: skip
    mixed = {t: [r[i] for i in rng.permutation(len(r))] for t, r in rows.items()}
    renamed = {t: [row | {"user_id": names[row["user_id"]]} for row in r] for t, r in rows.items()}
    shifted = {t: [{k: later[k](v) if k in later else v for k, v in row.items()} for row in r] for t, r in rows.items()}
    next_year = settings(period={"start": "2025-12-31", "end": "2026-12-30"}, as_of="2026-12-30")
    usual = told(make_tables(rows))
    for other in (told(make_tables(mixed)), told(make_tables(renamed)), told(make_tables(shifted), next_year)):
        for one, two in zip(usual.findings, other.findings, strict=True):
            assert (one.title, one.detail, one.level) == (two.title, two.detail, two.level)
        for mine, theirs in zip(usual.exhibits, other.exhibits, strict=True):
            assert mine.title == theirs.title and len(mine.rows) == len(theirs.rows)
            figures = [
                [row[name] for row in shown.rows] for shown in (mine, theirs) for name in ("share", "low", "high")
            ]
            assert figures[:3] == [pytest.approx(column, rel=1e-9) for column in figures[3:]]


def test_teaching_that_changes_nothing_is_not_said_to_change_something(make_tables: Make) -> None:
    # 40 sellers, 30 assets each shown to half of them at random; everybody uses each within 30 days with chance .7.
    rng, rows = np.random.default_rng(5), dict[str, list[dict[str, Any]]](training=[], asset_usage=[*LOGGED])
    for i in range(30):
        for seller in range(40):
            if rng.random() < 0.5 or seller == 0:
                rows["training"].append({"asset_id": f"a{i}", "user_id": f"s{seller}", "trained_on": "2025-06-01"})
            if rng.random() < 0.7:
                on = date(2025, 6, 1) + timedelta(int(rng.integers(30)))
                rows["asset_usage"].append(use(f"a{i}", f"s{seller}", f"{on} 09:00"))
    found = told(make_tables(rows), settings(0.6))
    assert finding(found, "content.taught").level == "good"
    assert exhibit(found, "content.first_use").title.split("what they were not ")[1].startswith("(difference \u2212")


@pytest.mark.parametrize("table", ["training", "recommendations"])
def test_S44_what_fewer_than_five_sellers_did_is_withheld(make_tables: Make, table: str) -> None:
    when = {"training": {"trained_on": "2025-03-01"}, "recommendations": {"recommended_at": "2025-03-01 09:00"}}[table]
    rows = [{"asset_id": "deck", "user_id": f"s{i}"} | when for i in range(5)]
    uses = [*LOGGED, *(use("deck", f"s{i}", "2025-03-05 10:00") for i in range(5))]
    five = settings(survey={"smallest_group": 5})
    assert told(make_tables({table: rows, "asset_usage": uses}), five).findings
    found = told(make_tables({table: rows[1:] * 9, "asset_usage": uses}), five)
    assert not (found.findings or found.exhibits or found.caveats)
    why = "fewer than five known sellers: it would tell what single people did"
    assert [left.why for left in found.not_judged].count(why) == 1


@pytest.mark.parametrize(("users", "sign"), [(range(20), ""), (range(20, 40), "\u2212")])
def test_a_clear_difference_is_said_by_its_interval(make_tables: Make, users: range, sign: str) -> None:
    shown = [{"asset_id": "deck", "user_id": f"s{i}", "trained_on": "2025-03-01"} for i in range(20)]
    rare = range(3, 6) if sign else range(30, 33)
    uses = [use("deck", f"s{i}", "2025-03-05 10:00") for i in (*users, *rare) if i not in users[:4]]
    uses += [use("other", f"s{i}", "2025-01-05 10:00") for i in range(40)]
    title = exhibit(told(make_tables({"training": shown, "asset_usage": [*LOGGED, *uses]})), "content.first_use").title
    ends = re.fullmatch(rf".*\(difference {sign}(\d+) to {sign}(\d+) percentage points\)", title).groups()  # type: ignore[union-attr]
    low, high = sorted(map(int, ends))
    assert low < 65 < high  # 80 % of one side, 15 % of the other


def shown_and_not(n: int, used: int, others_used: int) -> dict[str, list[dict[str, Any]]]:
    """One deck shown to ``n`` of ``2n`` sellers; so many of either half used it within a week. All are in the log."""
    shown = [{"asset_id": "deck", "user_id": f"s{i}", "trained_on": "2025-03-01"} for i in range(n)]
    uses = [use("deck", f"s{i}", "2025-03-05 10:00") for i in (*range(used), *range(n, n + others_used))]
    seen = [use("other", f"s{i}", "2025-01-05 10:00") for i in range(2 * n)]
    return {"training": shown, "asset_usage": [*LOGGED, *uses, *seen]}


def test_what_showing_brings_is_the_difference_of_both_shares_with_its_interval(make_tables: Make) -> None:
    gained = finding(told(make_tables({"training": SHOWN, "asset_usage": USES})), "content.teaching_gain")
    shown, not_shown = ([4, 20, 60, 0], [1, 0, 1, 1], [1, 3, 4, 1]), (
        [5, 60, 10, 20, 20, 9, 60, 60], [1, 0, 1, 0, 0, 0, 0, 0], [2, 4, 1, 2, 4, 1, 2, 3])  # fmt: skip
    gap = clustered_incidence_gap(shown, not_shown, 30)
    assert gained.measure.value == pytest.approx(0.5 - (1 - 7 / 8 * 5 / 6))
    assert (gained.measure.low, gained.measure.high) == pytest.approx((gap.low, gap.high))
    assert (gained.measure.n, gained.measure.unit, gained.direction) == (12, "pp", "at_least")
    assert "4 cases of a seller who was shown an asset, 8 cases of one who was not" in gained.detail


@pytest.mark.parametrize(
    ("used", "others", "limit", "level", "said"),
    [
        (32, 6, 0.1, "good", "Sellers use what they were shown 65 percentage points more often within 30 days"),
        (6, 6, 0.3, "act", "Sellers hardly use what they were shown more often: the difference within"),
        (16, 8, 0.2, "unclear", "Whether sellers use what they were shown so much more often cannot be told: 20 "),
        (32, 6, None, "unclear", "Sellers use what they were shown 65 percentage points more often within 30 days"),
    ],
)
def test_whether_showing_helps_goes_by_the_interval_and_what_was_agreed(
    make_tables: Make, used: int, others: int, limit: float | None, level: str, said: str
) -> None:
    agreed = settings(thresholds={} if limit is None else {"teaching_gain": limit})
    gained = finding(told(make_tables(shown_and_not(40, used, others)), agreed), "content.teaching_gain")
    assert gained.level == level and gained.title.startswith(said)
    assert gained.play == (None if level == "good" or limit is None else "P14")


def test_what_showing_brings_is_not_judged_on_people_who_never_occur_in_the_log(make_tables: Make) -> None:
    # 40 % of either half used it; half of those shown stand under another code in the record of training
    rows, agreed = shown_and_not(40, 16, 16), settings(thresholds={"teaching_gain": 0.0})
    other = [row | {"user_id": row["user_id"] + "x" * (i % 2)} for i, row in enumerate(rows["training"])]
    gained = finding(told(make_tables(rows | {"training": other}), agreed), "content.teaching_gain")
    assert gained.measure.high < 0 and gained.level == "unclear"
    assert gained.settle == "the same code for a person in every file" and "never occur in the log" in gained.rule
    useless = shown_and_not(40, 2, 30)  # where it is so among those in the log as well, it is said
    assert finding(told(make_tables(useless), agreed), "content.teaching_gain").level == "act"


def test_without_enough_who_were_not_shown_it_nothing_is_said_of_what_showing_brings(make_tables: Make) -> None:
    rows = shown_and_not(9, 6, 4)
    known = {f"s{i}" for i in range(13)} | {"editor"}  # nine who were shown it and four who were not
    few = rows | {"asset_usage": [row for row in rows["asset_usage"] if row["user_id"] in known]}
    five = settings(survey={"smallest_group": 5})
    assert [f.key for f in told(make_tables(few), five).findings] == ["content.taught"]
    assert {f.key for f in told(make_tables(rows), five).findings} == {"content.taught", "content.teaching_gain"}


def test_fewer_than_five_who_were_not_shown_it_are_no_curve_to_compare_with(make_tables: Make) -> None:
    shown = [{"asset_id": "deck", "user_id": f"s{i}", "trained_on": "2025-03-01"} for i in range(9)]
    uses = [*LOGGED, *(use("deck", f"s{i}", "2025-03-05 10:00") for i in range(13))]
    found = exhibit(told(make_tables({"training": shown, "asset_usage": uses}), settings(survey={"smallest_group": 5})),
                    "content.first_use")  # fmt: skip
    assert {row["label"] for row in found.rows} == {"Sellers shown it"} and "too few sellers went without" in found.lead
    assert "9 cases" in found.lead and "4" not in found.lead.removesuffix("Agreed: at least 40\u00a0%.")


@pytest.mark.parametrize(("table", "key"), [("training", "content.taught"), ("recommendations", "content.recommended")])
def test_people_who_never_occur_in_the_log_stay_in_but_carry_no_act(make_tables: Make, table: str, key: str) -> None:
    when = {"training": {"trained_on": "2025-03-01"}, "recommendations": {"recommended_at": "2025-03-01 09:00"}}[table]
    rows = [{"asset_id": f"a{j}", "user_id": f"s{i}"} | when for i in range(40) for j in range(5)]
    uses = [use(f"a{j}", f"s{i}", "2025-03-05 10:00") for i in range(10) for j in range(5) if (i + j) % 5]

    def by(log: list[dict[str, Any]]) -> tuple[Any, list[str]]:
        found = told(make_tables({table: rows, "asset_usage": [*LOGGED, *log]}))
        return finding(found, key), found.caveats

    matched, caveats = by(uses + [use("other", f"s{i}", "2025-03-05 10:00") for i in range(40)])
    assert (matched.measure.k, matched.measure.n, matched.level, caveats) == (40, 200, "act", [])
    absent, caveats = by(uses)  # thirty of forty never occur, and the ten who do used four of five
    assert absent.measure == matched.measure and absent.level == "unclear"
    assert absent.settle == "the same code for a person in every file" and "never occur in the log" in absent.rule
    assert len(caveats) == 1 and caveats[0].startswith(
        "The log of uses never names 30 of 40 people to whom content was"
    )
    renamed = told(make_tables({table: rows, "asset_usage": [*LOGGED, use("a1", "somebody else", "2025-03-05 10:00")]}))
    assert not renamed.findings and any("codes do not match" in left.why for left in renamed.not_judged)


# --- recommendations --------------------------------------------------------------------------------------------------

TOLD = [
    {"asset_id": "deck", "user_id": "s1", "recommended_at": "2025-03-05 09:00"},  # used at 10:00: day 0
    {"asset_id": "deck", "user_id": "s1", "recommended_at": "2025-05-05 09:00"},  # again: counts once, from the first
    {
        "asset_id": "deck",
        "user_id": "s2",
        "recommended_at": "2025-03-06 11:00",
    },  # had used it an hour before; not again
    {"asset_id": "brief", "user_id": "s4", "recommended_at": "2025-07-01 09:00"},  # used on day 30
    {"asset_id": "brief", "user_id": "s3", "recommended_at": "2025-12-01 09:00"},  # never
    {"asset_id": "brief", "user_id": None, "recommended_at": "2025-12-01 09:00"},
    {"asset_id": "deck", "user_id": "editor", "recommended_at": "2025-12-01 09:00"},  # of Marketing
]


def test_uptake_counts_the_next_use_after_the_first_recommendation(make_tables: Make) -> None:
    found = told(make_tables({"recommendations": TOLD, "asset_usage": USES}))
    measure = finding(found, "content.recommended").measure
    assert (measure.k, measure.n, measure.value) == (2, 4, 0.5)
    expected = clustered_incidence([0, 60, 30, 30], [1, 0, 1, 0], [1, 2, 4, 3], 30)
    assert (measure.low, measure.high) == pytest.approx((expected.low, expected.high))
    shown = exhibit(found, "content.uptake")
    assert shown.is_detail and "1 of an asset that the seller had used before." in shown.lead


def test_uptake_goes_by_the_day_where_times_of_day_are_not_known(make_tables: Make) -> None:
    days = [row | {"recommended_at": row["recommended_at"][:10] + " 00:00"} for row in TOLD]
    tables = make_tables({"recommendations": days, "asset_usage": USES},
                         day_only=frozenset({"recommendations.recommended_at"}))  # fmt: skip
    found = told(tables, settings(timezone="America/New_York"))
    assert finding(found, "content.recommended").measure.k == 3  # s2's use counts: on the same day


# --- notes ------------------------------------------------------------------------------------------------------------

ASSETS = [
    {"asset_id": "made_after", "created_on": "2025-05-11", "reviewed_on": "2025-08-01"},
    {"asset_id": "reviewed_after", "created_on": "2024-01-01", "reviewed_on": "2025-05-21"},
    {"asset_id": "before", "created_on": "2024-01-01", "reviewed_on": "2025-01-01"},
    {"asset_id": "next_year", "created_on": "2026-02-01"},
]
NOTES = [
    {"note_id": "1", "noted_at": "2025-05-01 10:00", "asset_id": "made_after"},  # day 10
    {"note_id": "2", "noted_at": "2025-05-01 10:00", "asset_id": "reviewed_after"},  # day 20
    {"note_id": "3", "noted_at": "2025-05-01 10:00", "asset_id": "made_after", "answered_at": "2025-06-30 10:00"},  # 60
    {"note_id": "4", "noted_at": "2025-05-01 10:00"},  # open
    {"note_id": "5", "noted_at": "2025-12-16 10:00"},  # open since day 15
    {"note_id": "6", "noted_at": "2025-05-01 10:00", "asset_id": "before"},  # the answer is older than the note
    {"note_id": "7", "noted_at": "2025-05-01 10:00", "answered_at": "2025-04-30 10:00"},  # so is this one
    {"note_id": "8", "noted_at": "2025-05-01 10:00", "asset_id": "unknown"},  # no day at all
    {"note_id": "9", "noted_at": "2025-12-01 10:00", "asset_id": "next_year"},  # open at the as-of date, on day 30
    {"note_id": "10", "noted_at": "2026-01-01 10:00"},  # not yet written
]


def test_notes_count_until_their_answer_and_faults_are_left_out_and_said(make_tables: Make) -> None:
    found = told(make_tables({"field_notes": NOTES, "assets": ASSETS}))
    judged = finding(found, "content.notes")
    expected = incidence([10, 20, 60, 60, 15, 30], [1, 1, 1, 0, 0, 0]).at(30)
    assert (judged.measure.k, judged.measure.n) == (2, 6)
    assert (judged.measure.value, judged.measure.low, judged.measure.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )
    assert judged.theme == "common_language" and exhibit(found, "content.notes").is_detail
    assert found.caveats == [
        "1 note from Sales left out: the answer is dated before the note.",
        "2 notes from Sales left out: answered on an unknown day, by an asset older than the note or undated.",
    ]


def test_answers_on_an_unknown_day_forbid_an_act_that_they_would_undo(make_tables: Make) -> None:
    notes = [{"note_id": f"{i}", "noted_at": "2025-05-01 10:00", "asset_id": "made_after" if i < 5 else None}
             for i in range(50)]  # fmt: skip
    undated = [{"note_id": f"u{i}", "noted_at": "2025-05-01 10:00", "asset_id": "before"} for i in range(20)]
    few, many = (
        finding(told(make_tables({"field_notes": notes + undated[:n], "assets": ASSETS})), "content.notes")
        for n in (2, 20)
    )
    assert (few.measure.k, few.measure.n, few.level) == (5, 50, "act")
    assert many.measure == few.measure and many.level == "unclear" and many.title.startswith("Whether enough")
    assert "may have been answered in time" in many.rule and many.settle == "the day each was answered"


def test_a_review_that_the_owner_corrected_dates_the_answer(make_tables: Make) -> None:
    fixed = [{"asset_id": "before", "reviewed_on": "2025-05-04"}]
    found = told(make_tables({"field_notes": NOTES, "assets": ASSETS, "asset_decisions": fixed}))
    assert (finding(found, "content.notes").measure.k, finding(found, "content.notes").measure.n) == (3, 7)
    late = [fixed[0] | {"decided_on": "2026-01-01"}]  # decided after the as-of date
    found = told(make_tables({"field_notes": NOTES, "assets": ASSETS, "asset_decisions": late}))
    assert (finding(found, "content.notes").measure.k, finding(found, "content.notes").measure.n) == (2, 6)


def test_notes_without_any_answer_recorded_are_not_judged(make_tables: Make) -> None:
    bare = [{"note_id": "1", "noted_at": "2025-05-01 10:00"}]
    for rows in ({"field_notes": bare}, {}):
        found = told(make_tables({"assets": ASSETS} | rows))
        assert not found.findings and found.not_judged[-1].theme == "common_language"


def test_S44_no_seller_is_named(make_tables: Make) -> None:
    rows = random_company(6)
    for table in rows.values():
        for row in table:
            row["user_id"] = f"seller-{row['user_id']}"
    shown = repr(told(make_tables(rows)))
    assert "seller-" not in shown
