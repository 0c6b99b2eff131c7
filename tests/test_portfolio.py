"""The portfolio: against R, published data and simulated worlds; and who and what may not be in it.

R is 4.2.2; the reference for the BCG trials is written from the definitions with uniroot, lm and hatvalues, and agrees
with what the documentation of metafor prints for them (Q 152.2330, variance by DerSimonian and Laird 0.3088, Q profile
0.1197 to 1.1115). The tests themselves need no R.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom
from typer.testing import CliRunner

from alignlib.cli import app
from alignlib.engagement import THRESHOLDS, Settings
from alignlib.instrument import read_instrument
from alignlib.portfolio import FEWEST, _band, eligible, label_of, on_scale, page, portfolio, shrink
from alignlib.result import Exhibit, Finding, Measure, Record, Result, Row, Source, read_record, to_json
from alignlib.stats import wilson

WORLDS = 1_000
TITLES = {block.block: block.title for block in read_instrument().blocks}
RULE = f"95 % interval against the limit agreed for: {THRESHOLDS['first_touch_in_time'][2]}; beyond it: act"


def share(k: int, n: int, method: str = "Wilson") -> Measure:
    found = wilson(k, n)
    return Measure(value=found.value, unit="share", k=k, n=n, low=found.low, high=found.high, method=method)


def points(value: float, half: float = 0.5, n: int = 21) -> Measure:
    return Measure(value=value, unit="points", n=n, low=value - half, high=value + half, method="Welch 1947")


def size(measure: Measure) -> Measure:
    """As a report has a gap: whichever way it goes."""
    if measure.unit != "points" or measure.value is None or measure.value >= 0:
        return measure
    turned = {"value": -measure.value, "low": -(measure.high or 0), "high": -(measure.low or 0)}
    return measure.model_copy(update=turned)


def finding(key: str, measure: Measure, title: str = "Title of the client", rule: str = RULE) -> Finding:
    return Finding(key=key, theme="handoff", title=title, detail="d", measure=measure, level="act", rule=rule)


def client(name: str, funnel: dict[str, Measure], survey: dict[str, Measure] | None = None, **changes: str) -> Record:
    mode, days = changes.pop("mode", "anonymous"), changes.pop("horizon_days", "90")
    parts = {"funnel": (funnel, {"horizon_days": int(days)}), "survey": (survey or {}, {"mode": mode})}
    blocks = [
        {"label": TITLES[key.removeprefix("gap.")], "gap": m.value, "gap_low": m.low, "gap_high": m.high}
        for key, m in (survey or {}).items() if key.startswith("gap.")
    ]  # fmt: skip
    shown = {"survey": [Exhibit(key="survey.blocks", title="t", shape="dumbbell", columns=[], rows=blocks, read="r",
                                alt="a", source="s")]}  # fmt: skip
    results = {
        part: Result(diagnostic=part, question="q", headline=name, summary=name, settings=settings,  # type: ignore[arg-type]
                     findings=[finding(f"{part}.{key}", size(measure), name) for key, measure in found.items()],
                     exhibits=shown.get(part, []))
        for part, (found, settings) in parts.items()
    }  # fmt: skip
    given = {"as_of": "2026-04-30", "settings_sha256": f"{sum(map(ord, name)) * 7919 % 9973:064x}"} | changes
    return Record(kit_version="0", client=name, synthetic=True, period_start="2025-01-01", period_end="2025-12-31",
                  currency="EUR", thresholds_lock="", results=results, **given)  # type: ignore[arg-type]  # fmt: skip


def rows_of(record: Record, key: str = "funnel.portfolio_first_touch") -> list[Row]:
    return record.results[key.split(".")[0]].exhibit(key).rows


def own_of(rows: list[Row]) -> list[float]:
    """The own figures as they are printed, without their unit."""
    return [float(row["own"].split()[0].replace("−", "-")) for row in rows]


def with_files(record: Record, *prints: str, table: str = "leads", part: str = "funnel") -> Record:
    sources = [Source(file=f"{p}.csv", table=table, rows=300, sha256=p) for p in prints]
    results = record.results | {part: record.results[part].model_copy(update={"sources": sources})}
    return record.model_copy(update={"results": results})


def firms(n: int = 6, survey: bool = False) -> list[Record]:
    return [
        client(f"Firm {chr(65 + i)}", {"first_touch": share(40 + 20 * i, 300)},
               {"gap.follow_up": points(0.5 + 0.1 * i)} if survey else None)
        for i in range(n)
    ]  # fmt: skip


# --- the figures ------------------------------------------------------------------------------------------------------


def test_shrinking_agrees_with_r_for_thirteen_trials_of_bcg() -> None:
    y = [-0.88931133392, -1.58538865720, -1.34807314830, -1.44155119002, -0.21754732221, -0.78611558582, -1.62089822360,
         0.01195233352, -0.46941764874, -1.37134480347, -0.33935882834, 0.44591340057, -0.01731394822]  # fmt: skip
    se = [0.5706003549, 0.4411135017, 0.6444904696, 0.1414568199, 0.2262966464, 0.0831000509, 0.4722470197,
          0.0629410780, 0.2375588568, 0.2702310005, 0.1114101161, 0.7297299810, 0.2672165034]  # fmt: skip
    pool = shrink(y, se)
    assert pool.spread**2 == pytest.approx(0.3180684522, rel=1e-7)
    assert (pool.spread_low**2, pool.spread_high**2) == pytest.approx((0.1197183611, 1.1114790841), rel=1e-6)
    assert (pool.mean, pool.mean_high - pool.mean) == pytest.approx((-0.7149681535, 0.3941302277), rel=1e-7)
    assert pool.values[[0, 3, 7, 11]] == pytest.approx(
        [-0.815820047, -1.405713974, 0.004500251, -0.159732509], rel=1e-6
    )
    errors = (pool.highs - pool.lows) / (2 * 1.959963984540054)
    assert errors[[0, 5, 11, 12]] == pytest.approx([0.4427543089, 0.0824382284, 0.5496071220, 0.2527720052], rel=1e-7)


def test_eight_schools_do_not_differ_beyond_chance_and_are_still_not_taken_for_one() -> None:
    """Rubin 1981: pooled mean 7.7 with standard error 4.1, Q 4.6 on 7 degrees of freedom, so no variance between."""
    pool = shrink([28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18])
    assert round(pool.mean, 1) == 7.7 and pool.spread == 0 and pool.spread_low == 0 < pool.spread_high
    assert pool.weights == pytest.approx([5 / 7] * 8)
    assert pool.values[0] == pytest.approx(28 - 5 / 7 * (28 - 7.6856), abs=1e-3)
    assert (pool.highs - pool.lows > 2 * 1.96 * 4.1).all()  # each less sure than the mean of all


def test_eighteen_batters_are_moved_as_efron_and_morris_moved_them() -> None:
    """Efron & Morris 1975, hits in 45 at bats on their scale: squares about the mean 18.96, 0.791 of the way."""
    hits = np.array([18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7])
    at = np.sqrt(45) * np.arcsin(2 * hits / 45 - 1)
    pool = shrink(at, np.ones(18))
    assert round(float(((at - at.mean()) ** 2).sum()), 2) == 18.96
    assert pool.weights.round(3).tolist() == [0.791] * 18
    truth = np.array([346, 298, 276, 222, 273, 270, 263, 210, 269, 230, 264, 256, 303, 264, 226, 285, 316, 200]) / 1000
    true_at = np.sqrt(45) * np.arcsin(2 * truth - 1)
    assert 3 * ((pool.values - true_at) ** 2).sum() < ((at - true_at) ** 2).sum()  # "more than three times better"
    assert ((pool.lows <= true_at) & (true_at <= pool.highs)).all()


@pytest.mark.parametrize(("clients", "spread"), [(5, 0.0), (5, 0.5), (8, 0.3), (8, 1.0), (20, 0.3), (20, 1.0)])
def test_intervals_hold_the_truth_and_shrinking_errs_less_in_a_thousand_portfolios(clients: int, spread: float) -> None:
    rng = np.random.default_rng(20261122)
    hits, own, shrunk = 0, 0.0, 0.0
    for _ in range(WORLDS):
        errors = 0.3 * np.exp(rng.normal(0, 0.4, clients))
        truth = rng.normal(0, spread, clients)
        found = rng.normal(truth, errors)
        pool = shrink(found, errors)
        hits += bool(pool.lows[0] <= truth[0] <= pool.highs[0])  # one client a world: clients of one world are alike
        own, shrunk = own + ((found - truth) ** 2).sum(), shrunk + ((pool.values - truth) ** 2).sum()
    assert hits >= binom.ppf(0.001, WORLDS, 0.95)  # one-sided: where clients hardly differ it is on the safe side
    assert shrunk < own


def test_the_same_holds_for_shares_from_counts_by_way_of_their_published_intervals() -> None:
    rng = np.random.default_rng(20261123)
    hits, own, shrunk = 0, 0.0, 0.0
    for _ in range(WORLDS):
        n, truth = rng.integers(40, 600, 8), expit(rng.normal(-0.5, 0.5, 8))
        k = rng.binomial(n, truth)
        pool = shrink(*zip(*(on_scale(share(int(a), int(b))) for a, b in zip(k, n, strict=True)), strict=True))  # type: ignore[arg-type]
        at = expit(np.stack([pool.lows, pool.values, pool.highs]))
        hits += bool(at[0, 0] <= truth[0] <= at[2, 0])
        own, shrunk = own + ((k / n - truth) ** 2).sum(), shrunk + ((at[1] - truth) ** 2).sum()
    assert hits >= binom.ppf(0.001, WORLDS, 0.95)
    assert shrunk < own


def test_fewer_than_five_clients_or_no_error_is_refused() -> None:
    for ys, errors in (([1.0] * 4, [1.0] * 4), ([1.0] * 5, [1.0, 1, 1, 1, 0])):
        with pytest.raises(ValueError, match=f"{FEWEST} clients or more"):
            shrink(ys, errors)


def test_none_and_all_of_n_have_a_place_as_far_from_the_middle_and_as_unsure() -> None:
    none, every = on_scale(share(0, 50)), on_scale(share(50, 50))
    assert none is not None and every is not None
    assert none[0] == pytest.approx(np.log(0.5 / 50.5)) and none[1] == pytest.approx(np.sqrt(2 + 1 / 50.5))
    assert every == pytest.approx((-none[0], none[1]))


def test_what_has_no_interval_of_chance_has_no_place() -> None:
    at = {"value": 0.3, "unit": "share", "n": 50, "low": 0.2, "high": 0.4}
    changes: list[dict[str, object]] = [
        {"low": None, "high": None}, {"value": None}, {"unit": "days"}, {"method": "bounds of what is not known"},
        {"method": "range over rules of credit"}, {"low": 0.3, "high": 0.3}, {"value": 0.5}, {"unit": "money"},
    ]  # fmt: skip
    assert on_scale(Measure.model_validate(at)) is not None
    for change in changes:
        assert on_scale(Measure.model_validate(at | change)) is None, change


# --- who and what is in it --------------------------------------------------------------------------------------------


def test_the_order_of_files_changes_nothing_and_numbers_follow_neither_files_nor_names() -> None:
    made = firms(12)
    assert to_json(portfolio(made)) == to_json(portfolio(made[::-1])) == to_json(portfolio(made[5:] + made[:5]))
    own = own_of(rows_of(portfolio(made)))
    assert own != sorted(own) and own != sorted(own, reverse=True)  # they rise with the alphabet and with the files


def test_no_name_and_no_text_of_a_client_is_in_it_unless_names_are_asked_for() -> None:
    made = [each.model_copy(update={"client": f"<b>{each.client}</b>"}) for each in firms(7, survey=True)]
    record = portfolio(made)
    for text in (to_json(record), page(record)):
        assert "Firm" not in text and "<b>F" not in text and "Title" not in text
        assert "Client 1" in text and "Client 7" in text
    named = portfolio(made, is_named=True)
    assert "<b>Firm A</b>" in to_json(named)
    assert "&lt;b&gt;Firm A&lt;/b&gt;" in page(named) and "<b>Firm A" not in page(named)


def test_numbers_are_drawn_anew_for_each_figure_and_the_page_says_so() -> None:
    record = portfolio(firms(6, survey=True))
    gaps = rows_of(record, "survey.portfolio_gap.follow_up")
    order = lambda rows: [row["label"] for _, row in sorted(zip(own_of(rows), rows, strict=True), key=lambda r: r[0])]  # noqa: E731
    assert order(rows_of(record)) != order(gaps) and set(order(rows_of(record))) == set(order(gaps))
    for text in ("Clients are numbered anew for each figure.", "Numbers of clients are drawn anew", "may still tell"):
        assert text in page(record)


def test_numbers_of_two_figures_agree_no_more_often_than_chance_makes_them() -> None:
    agree, worlds, n = 0, 200, 6
    for world in range(worlds):
        made = [each.model_copy(update={"settings_sha256": f"{world}-{i}"}) for i, each in enumerate(firms(n, True))]
        record = portfolio(made)
        ranks = [np.argsort(own_of(rows_of(record, key)))
                 for key in ("funnel.portfolio_first_touch", "survey.portfolio_gap.follow_up")]  # fmt: skip
        agree += int(ranks[0][0] == ranks[1][0])
    assert binom.ppf(0.0005, worlds, 1 / n) <= agree <= binom.ppf(0.9995, worlds, 1 / n)


def test_without_names_figures_are_as_exact_as_displayed_and_n_is_a_band() -> None:
    made, gap = firms(6, survey=True), "survey.portfolio_gap.follow_up"
    record, named = portfolio(made), portfolio(made, is_named=True)
    for row in rows_of(record):
        assert row["n"] == "200 to 500" and all(row[end] == round(row[end], 2) for end in ("value", "low", "high"))
    assert all(row["value"] == round(row["value"], 1) and row["n"] == "20 to 50" for row in rows_of(record, gap))
    assert "20\xa0% (16 to 25)" in [row["own"] for row in rows_of(record)]  # 60 of 300
    assert {row["n"] for row in rows_of(named)} == {"300"}
    assert any(row["value"] != round(row["value"], 4) for row in rows_of(named))


@pytest.mark.parametrize(
    ("n", "said"),
    [(0, "0 to 5"), (4, "0 to 5"), (5, "5 to 10"), (999, "500 to 1,000"), (1000, "1,000 to 2,000")],
)  # fmt: skip
def test_a_band_holds_its_lower_end(n: int, said: str) -> None:
    assert _band(n) == said


def test_four_clients_show_no_shrunk_figure_and_the_page_says_why() -> None:
    record = portfolio(firms(4))
    assert not any(result.exhibits for result in record.results.values())
    assert record.results["audit"].headline == "Too few clients to say what they have in common"
    assert "With fewer than five clients that define a figure alike, what differs" in page(record)
    with pytest.raises(ValueError, match="at least one client"):
        portfolio([])


def test_a_figure_that_four_of_six_clients_have_is_left_out() -> None:
    made = [client(f"Firm {i}", {"first_touch": share(50 + i, 100), **({"leaked": share(9, 90)} if i < 4 else {})})
            for i in range(6)]  # fmt: skip
    keys = [exhibit.key for exhibit in portfolio(made).results["funnel"].exhibits]
    assert keys == ["funnel.portfolio", "funnel.portfolio_first_touch"]


def test_of_two_audits_of_one_client_the_later_counts_and_five_audits_of_one_are_no_portfolio() -> None:
    later = client("firm a ", {"first_touch": share(200, 300)}, as_of="2026-10-31", settings_sha256="f" * 64)
    record = portfolio([*firms(6), later])
    assert record.client == "Portfolio of 6 clients"
    own = own_of(rows_of(record))
    assert 67 in own and 13 not in own  # 200 and 40 of 300
    assert "One audit left out: of one name, settings or files with a later one." in record.results["audit"].caveats
    again = [client("Firm", {"first_touch": share(9, 30)}, as_of=f"2026-0{i}-28") for i in range(1, 7)]
    assert not portfolio(again).results["funnel"].exhibits


def test_one_engagement_under_two_names_counts_once_and_five_names_of_it_are_no_portfolio() -> None:
    made = firms(5)
    same_settings = made[0].model_copy(update={"client": "Other"})
    files = [with_files(each, f"a{i}", f"b{i}") for i, each in enumerate(made)]
    same_files = with_files(client("Other", {"first_touch": share(41, 300)}), "b0", "a0")
    for records in ([*made, same_settings], [*files, same_files], [same_files, *files]):
        record = portfolio(records)
        assert record.client == "Portfolio of 5 clients" and len(rows_of(record)) == 5
        assert "One audit left out: of one name, settings or files with a later one." in record.results["audit"].caveats
    five = [with_files(each, "a", "b") for each in made]
    assert portfolio(five).client == "Portfolio of 1 client" and not portfolio(five).results["funnel"].exhibits
    linked = [with_files(client("Other", {"first_touch": share(9, 90)}), "b1", "a1"), *files,
              with_files(client("Other ", {}), "c", "d", part="survey", table="responses")]  # fmt: skip
    assert portfolio(linked).client == "Portfolio of 5 clients"


def test_clients_that_share_one_file_of_several_or_the_form_of_facts_stay_two() -> None:
    made = [with_files(each, "plan", f"leads {i}") for i, each in enumerate(firms(5))]
    assert portfolio(made).client == "Portfolio of 5 clients"
    forms = [with_files(each, "form", table="facts", part="survey") for each in firms(5)]
    assert portfolio(forms).client == "Portfolio of 5 clients"


def test_surveys_of_named_people_and_of_fewer_than_five_stay_out() -> None:
    gap = {"gap.follow_up": points(1.0)}
    anonymous = [client(f"Firm {i}", {}, gap) for i in range(5)]
    assert portfolio(anonymous).results["survey"].exhibits
    named = [*anonymous[:4], client("Firm 4", {}, gap, mode="named")]
    few = [*anonymous[:4], client("Firm 4", {}, {"gap.follow_up": points(1.0, n=4)})]
    unknown = [*anonymous[:4], client("Firm 4", {}, {"gap.follow_up": points(1.0).model_copy(update={"n": None})})]
    for made in (named, few, unknown):
        assert not portfolio(made).results["survey"].exhibits


def test_gaps_keep_their_sign_and_sizes_without_one_stay_out() -> None:
    gaps = [-0.6, -0.4, 0.0, 0.1, 0.4, 0.6]
    made = [client(f"Firm {i}", {}, {"gap.follow_up": points(g), "mirror.sales": points(abs(g))})
            for i, g in enumerate(gaps)]  # fmt: skip
    survey = portfolio(made).results["survey"]
    assert [exhibit.key for exhibit in survey.exhibits] == ["survey.portfolio", "survey.portfolio_gap.follow_up"]
    assert sorted(own_of(survey.exhibits[1].rows)) == gaps
    assert "0.0 points" in survey.exhibits[1].title  # their sizes would make 0.35
    bare = [each.model_copy(update={"results": {"survey": each.results["survey"].model_copy(update={"exhibits": []})}})
            for each in made]  # fmt: skip
    assert not portfolio(bare).results["survey"].exhibits


def test_the_gaps_of_a_real_result_are_found_with_their_sign(planted: tuple[Settings, dict[str, Result]]) -> None:
    result = planted[1]["survey"]
    record = client("Firm", {}).model_copy(update={"results": {"survey": result}})
    found = {each.key: each.measure for each in eligible("survey", record)}
    assert (
        len(found) == len(TITLES) and found["survey.gap.lead_quality"].value < 0 < found["survey.gap.follow_up"].value
    )  # type: ignore[operator]


def test_only_figures_defined_alike_are_pooled_and_it_says_how_many_were_left_out() -> None:
    promised = lambda i: (share(50 + i, 100), "90" if i < 6 else "60")  # noqa: E731
    made = [client(f"Firm {i}", {"mql_to_sal": m, "first_touch": m}, horizon_days=days)
            for i, (m, days) in enumerate(map(promised, range(8)))]  # fmt: skip
    funnel = portfolio(made).results["funnel"]
    assert len(funnel.exhibit("funnel.portfolio_mql_to_sal").rows) == 6
    assert len(funnel.exhibit("funnel.portfolio_first_touch").rows) == 8  # it does not hang on the horizon
    lead = funnel.exhibit("funnel.portfolio_mql_to_sal").lead
    assert lead.startswith("Defined alike: horizon days 90. Two clients left out: defined otherwise.")
    assert sorted(row["others"] for row in funnel.exhibit("funnel.portfolio").rows) == [0, 2]


def test_a_promise_of_2_hours_and_one_of_168_are_not_one_figure() -> None:
    made = [each.model_copy(update={"results": {"funnel": each.results["funnel"].model_copy(
        update={"settings": {"first_touch_hours": hours, "clock": "calendar"}})}})
        for each, hours in zip(firms(8), (2.0, 24.0, 168.0, 48, 8, 24, 24, 4), strict=True)]  # fmt: skip
    record = portfolio(made)
    assert not record.results["funnel"].exhibits
    gap = record.results["audit"].not_judged[1]
    assert gap.why == "No five clients define alike: leads first touched within the promised hours."
    assert gap.why in page(record)


def test_a_figure_read_earlier_than_agreed_is_another_one() -> None:
    made = firms(6)
    early = made[0].results["funnel"].findings[0].model_copy(update={"detail": "12 of 90 seen to go on within 60 days"})
    made[0] = made[0].model_copy(update={"results": {"funnel": made[0].results["funnel"].model_copy(
        update={"findings": [early]})}})  # fmt: skip
    assert len(rows_of(portfolio(made))) == 5


def test_what_a_file_holds_in_place_of_a_setting_is_not_printed() -> None:
    made = [each.model_copy(update={"results": {"funnel": each.results["funnel"].model_copy(
        update={"settings": {"clock": "Firm A", "first_touch_hours": 24}})}}) for each in firms(5)]  # fmt: skip
    assert rows_of(portfolio(made)) and "Firm" not in to_json(portfolio(made))


def test_a_figure_is_named_in_the_kits_own_words() -> None:
    measure = share(3, 9)
    assert label_of(finding("funnel.first_touch", measure)) == "leads first touched within the promised hours"
    assert label_of(finding("funnel.odd_one", measure, rule="agreed for: what Firm A calls it")) == "odd one"
    assert label_of(finding("survey.gap.follow_up", measure)) == "Sales less Marketing on follow-up"


def test_the_title_claims_a_difference_only_where_chance_alone_would_not_make_it() -> None:
    alike = [client(f"Firm {i}", {"first_touch": share(50 + i, 100)}) for i in range(6)]
    said = portfolio(alike).results["funnel"].exhibit("funnel.portfolio_first_touch").title
    assert said.endswith("no difference can be told")
    apart = portfolio(firms(6)).results["funnel"].exhibit("funnel.portfolio_first_touch")
    assert apart.title.endswith("on average of 6 clients; clients differ")
    for row in apart.rows:
        assert row["low"] < row["value"] < row["high"] and 0 < row["moved"] < 1
    assert 13 in own_of(apart.rows)


def test_the_command_takes_files_and_folders_and_writes_a_page_and_a_record(tmp_path: Path) -> None:
    paths = []
    for i, record in enumerate(firms(5)):
        (tmp_path / str(i)).mkdir()
        (tmp_path / str(i) / "results.json").write_text(to_json(record))
        paths.append(str(tmp_path / str(i) / ("results.json" if i % 2 else "")))
    done = CliRunner().invoke(app, ["portfolio", *paths, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "Portfolio of 5 clients. Clients differ by more than chance in 1 of 1 figure." in done.output
    record = read_record(tmp_path / "out" / "portfolio.json")
    assert record == portfolio(firms(5))
    text = (tmp_path / "out" / "portfolio.html").read_text()
    assert "<script" not in text and "default-src 'none'" in text and "Client 5" in text
    assert "Firm" not in text + json.dumps(record.model_dump(mode="json"))
