"""A record made by hand for tests of the report: every shape, every level, withheld rows. Plainly synthetic."""

from typing import Any

from alignlib.result import Column, Exhibit, Finding, Measure, NotJudged, Record, Result, RowCount, Scalar, Source

Row = dict[str, Scalar]


def _columns(*specs: str) -> list[Column]:
    """Columns from "name:Label:unit"."""
    return [Column(name=n, label=label, unit=unit) for n, label, unit in (spec.split(":") for spec in specs)]  # type: ignore[arg-type]


def _rows(names: str, *values: tuple[Scalar, ...]) -> list[Row]:
    return [dict(zip(names.split(), row, strict=True)) for row in values]


DUMBBELL = Exhibit(
    key="survey.blocks",
    title="The teams part most on follow-up: 1.8 points of 4",
    lead="Average answer by block, 1 disagree to 5 agree, widest gap first.",
    shape="dumbbell",
    columns=_columns(
        "label:Block:text",
        "sales:Sales:points",
        "sales_low:low:points",
        "sales_high:high:points",
        "sales_n:Sales, answers:count",
        "marketing:Marketing:points",
        "marketing_low:low:points",
        "marketing_high:high:points",
        "marketing_n:Marketing, answers:count",
        "gap:Gap in points:points",
        "gap_low:low:points",
        "gap_high:high:points",
        "note:Note:text",
    ),
    rows=_rows(
        "label sales sales_low sales_high sales_n marketing marketing_low marketing_high marketing_n "
        "gap gap_low gap_high note",
        ("Follow-up", 4.0, 3.6, 4.4, 12, 2.2, 1.7, 2.7, 8, 1.8, 1.2, 2.4, None),
        ("Content that fits", 2.3, 1.8, 2.8, 12, 3.9, 3.5, 4.3, 8, 1.6, 1.0, 2.2, None),
        ("Lead quality", 2.4, 1.9, 2.9, 12, 3.8, 3.4, 4.2, 8, 1.4, 0.8, 2.0, None),
        ("Focus on the same customers", 2.5, 2.0, 3.0, 12, 3.6, 3.1, 4.1, 8, 1.1, 0.4, 1.8, None),
        ("Handoff rules", 2.9, 2.4, 3.4, 12, 2.1, 1.6, 2.6, 8, 0.8, 0.1, 1.5, None),
        ("Shared goal", 4.1, 3.7, 4.5, 12, 4.3, 3.9, 4.6, 8, 0.2, -0.3, 0.7, None),
        (
            "Credit",
            2.8,
            2.2,
            3.4,
            12,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            "Marketing withheld: fewer than five answers",
        ),
        (
            "The other team's job",
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            "withheld: fewer than five answers",
        ),
    ),
    read="Circle: mean answer of Sales. Diamond: mean answer of Marketing. Lines are "
    "95\u00a0% intervals; the tint is the gap.",
    says_not="With 12 and 8 answers a gap below about 0.6 cannot be told from none.",
    alt="Two teams' mean answers to eight blocks; the widest gap, 1.8 points, is on follow-up.",
    source="responses, 20 people",
    play="P4",
)

ITEMS = Exhibit(
    key="survey.items",
    title="Item by item, the widest gap is on speed of follow-up",
    shape="table",
    columns=_columns("label:Item:text", "sales:Sales:points", "marketing:Marketing:points", "n:Answers:count"),
    rows=_rows(
        "label sales marketing n",
        ("Leads handed over are followed up in the time we promised.", 4.2, 2.0, 20),
        ("Marketing hears what became of the leads it handed over.", 3.8, 2.4, 20),
    ),
    read="Mean answer of each team, 1 disagree to 5 agree.",
    alt="A table of items.",
    source="responses",
)

RESPONSE = Exhibit(
    key="survey.response",
    title="20 of 23 people answered",
    shape="table",
    columns=_columns("label:Team:text", "invited:Invited:count", "answered:Answered:count"),
    rows=_rows("label invited answered", ("Sales", 14, 12), ("Marketing", 9, 8)),
    read="People invited and people who answered.",
    alt="12 of 14 in Sales and 8 of 9 in Marketing answered.",
    source="responses",
)

UNUSED = Exhibit(
    key="content.unused",
    title="58\u00a0% of the content went unused for 90 days",
    lead="Assets that no seller opened or shared within the window.",
    shape="intervals",
    columns=_columns(
        "label:Window:text",
        "value:Unused:share",
        "low:low:share",
        "high:high:share",
        "k:Unused assets:count",
        "n:Assets:count",
        "note:Note:text",
    ),
    rows=_rows(
        "label value low high k n note",
        ("Within 30 days", 0.74, 0.64, 0.82, 62, 84, None),
        ("Within 90 days", 0.58, 0.48, 0.68, 49, 84, None),
        ("Within 180 days", 0.42, None, None, 35, 84, None),
        ("Within 365 days", None, None, None, None, None, "not recorded: usage is kept for 200 days"),
    ),
    read="Tick: share of assets unused. Bar: 95\u00a0% interval. Dashed: what was agreed.",
    says_not="An unused asset is not a bad asset.",
    alt="Share of assets unused by window; 58\u00a0% within 90 days against an agreed 40\u00a0%.",
    source="assets and asset_usage, 84 assets",
    play="P13",
    limit=0.4,
)

COVERAGE = Exhibit(
    key="content.coverage",
    title="€1.9 million of open deals stand where no usable asset exists",
    lead="Usable assets by segment and conversation. Where there is none, the cell shows the money standing in it.",
    shape="grid",
    columns=_columns(
        "label:Segment:text",
        "column:Conversation:text",
        "n:Usable assets:count",
        "amount:Open pipeline:money",
        "note:Note:text",
    ),
    rows=[
        {
            "label": segment,
            "column": f"C{i + 1}",
            "n": n,
            "amount": a * 100_000 if a is not None else None,
            "note": None if n is not None else "not recorded",
        }
        for segment, cells in {
            "Manufacturing": [(6, 10), (7, 20), (5, 5), (3, 8), (5, 2)],
            "Health care": [(0, 40), (4, 4), (3, 3), (0, 160), (0, 110)],
            "Logistics": [(0, 65), (3, 2), (0, 90), (0, 140), (2, 0)],
            "Public sector, regional and municipal administrations": [(0, 120), (0, 85), (0, 210), (0, 305), (0, 1240)],
            "Retail": [(4, 0), (6, 0), (4, 0), (0, 190), (None, None)],
            "Energy": [(0, 30), (2, 1), (2, 1), (0, 75), (0, None)],
        }.items()
        for i, (n, a) in enumerate(cells)
    ],
    read="Grey: usable assets, darker is more. "
    "Outlined: none; figure and bar are open pipeline. Red: where most of it stands.",
    says_not="Money standing in a cell is not money lost.",
    alt="Grid of six segments and five conversations; most empty cells are in the public sector.",
    source="assets and opportunities",
    play="P12",
)

FOCUS = Exhibit(
    key="content.focus",
    title="Marketing's effort sits 31\u00a0% away from Sales' plan",
    lead="Share of Sales' target and of Marketing's effort by segment.",
    shape="paired",
    columns=_columns(
        "label:Segment:text",
        "sales:Sales target:share",
        "marketing:Marketing effort:share",
        "gap:Gap:share",
        "note:Note:text",
    ),
    rows=_rows(
        "label sales marketing gap note",
        ("Manufacturing", 0.20, 0.42, 0.22, None),
        ("Public sector", 0.30, 0.08, -0.22, None),
        ("Retail", 0.25, 0.34, 0.09, None),
        ("Energy", 0.25, 0.16, -0.09, None),
    ),
    read="Circle: share of Sales' target. Diamond: share of Marketing's effort. Tint: the distance.",
    alt="Manufacturing gets 42\u00a0% of effort against 20\u00a0% of target.",
    source="plan, four segments",
    play="P12",
)

AGE = Exhibit(
    key="content.age",
    title="37 of 84 assets were last reviewed more than a year ago",
    shape="bars",
    columns=_columns("label:Last reviewed:text", "value:Assets:count", "n:of:count", "note:Note:text"),
    rows=_rows(
        "label value n note",
        ("Under 6 months", 21, 84, None),
        ("6 to 12 months", 26, 84, None),
        ("1 to 2 years", 25, 84, None),
        ("Over 2 years", 12, 84, None),
    ),
    read="Bars count assets.",
    alt="Assets by time since review.",
    source="assets",
)

WATERFALL = Exhibit(
    key="funnel.waterfall",
    title="66\u00a0% of leads handed over are accepted; 45\u00a0% of those qualify",
    lead="480 leads created in the period. Rates count leads that go on within 90 days.",
    shape="waterfall",
    columns=_columns(
        "label:Step:text",
        "stage:Stage:text",
        "n:Leads:count",
        "go_on:Go on:share",
        "go_on_low:low:share",
        "go_on_high:high:share",
        "median_days:Median days:days",
        "leaked:Leaked:count",
        "decided:Decided:count",
        "open:Open:count",
        "note:Note:text",
    ),
    rows=_rows(
        "label stage n go_on go_on_low go_on_high median_days leaked decided open note",
        ("Handed over", "mql", 480, 0.66, 0.62, 0.70, 3.0, 114, 48, 0, None),
        ("Accepted", "sal", 318, 0.45, 0.39, 0.51, 21.0, 25, 109, 53, None),
        ("Qualified", "sql", 131, 0.86, 0.78, 0.91, 11.0, 0, 16, 11, None),
        ("Opportunity", "opportunity", 104, 0.44, 0.34, 0.54, None, 0, 46, 20, "median not reached"),
        ("Won", "won", 38, None, None, None, None, None, None, None, None),
    ),
    read="Each bar counts leads that got this far. Below it: red leaked, grey decided, hatched still open.",
    says_not="Which leads would have been won had they been touched.",
    alt="Waterfall from 480 leads handed over to 38 won.",
    source="stage_events, 480 leads",
    play="P4",
)

LEAKS = Exhibit(
    key="funnel.leaks",
    title="29\u00a0% of leads end with no touch, no owner or no next step",
    shape="stack",
    columns=_columns("label:End:text", "kind:Kind:text", "n:Leads:count", "share:Share:share"),
    rows=_rows(
        "label kind n share",
        ("Won", "done", 38, 38 / 480),
        ("Lost", "decided", 46, 46 / 480),
        ("Still open", "open", 84, 84 / 480),
        ("Recycled", "decided", 87, 87 / 480),
        ("Disqualified", "decided", 86, 86 / 480),
        ("Untouched", "leaked", 83, 83 / 480),
        ("No owner", "leaked", 31, 31 / 480),
        ("No next step", "leaked", 25, 25 / 480),
    ),
    read="Every lead is in exactly one part.",
    alt="139 of 480 leads leaked.",
    source="leads, 480",
    play="P9",
    limit=0.1,
)

TOUCH = Exhibit(
    key="funnel.touch",
    title="45\u00a0% of leads have a first touch within a day",
    lead="Share of leads touched by day since handover; leads still waiting are counted as waiting.",
    shape="curve",
    columns=_columns("label:Leads:text", "day:Day:days", "share:Touched:share", "low:low:share", "high:high:share"),
    rows=[
        {
            "label": "All leads",
            "day": d,
            "share": 0.83 * (1 - 0.62**d),
            "low": max(0.83 * (1 - 0.62**d) - 0.045, 0),
            "high": 0.83 * (1 - 0.62**d) + 0.045,
        }
        for d in range(0, 31)
    ],
    read="The line rises as leads get their first touch; the band is the 95\u00a0% interval.",
    alt="83\u00a0% of leads are touched within thirty days, 45\u00a0% within one or two.",
    source="sales_touches",
    play="P4",
    limit=0.7,
)

BY_SOURCE = UNUSED.model_copy(
    update={
        "key": "funnel.by_source",
        "is_detail": True,
        "title": "Events convert best: 18\u00a0% won within 90 days",
        "lead": "",
        "limit": None,
        "play": None,
        "columns": _columns(
            "label:Source:text", "value:Won:share", "low:low:share", "high:high:share", "k:Won leads:count",
            "n:Leads:count", "note:Note:text"),
        "rows": _rows(
            "label value low high k n note",
            ("Events", 0.18, 0.12, 0.25, 26, 144, None),
            ("Paid search", 0.06, 0.03, 0.10, 11, 190, None),
            ("Referral", 0.05, 0.01, 0.22, 1, 21, None),
        ),
    }
)  # fmt: skip

_SAYS = {"sales": "Sales says", "marketing": "Marketing says", "both": "Both say", "each": "Each says"}


def _charge(
    label: str, claimant: str, complaint: str, sales: tuple[int, int], marketing: tuple[int, int], evidence: str,
    verdict: str, **more: Scalar,
) -> Row:  # fmt: skip
    """One row of the docket; ``sales`` and ``marketing`` are the least and most who agree, of 12 and of 8."""
    row: Row = {"label": label, "says": _SAYS[claimant], "complaint": complaint, "evidence": evidence,
                "verdict": verdict, "claimant": "both" if claimant == "each" else claimant}  # fmt: skip
    for team, (low, high), n in (("sales", sales, 12), ("marketing", marketing, 8)):
        said = f"{low} of {n}" if low == high else f"{low}–{high} of {n}"
        row |= {team: said, f"{team}_low": low, f"{team}_high": high, f"{team}_n": n}
    return row | {"ends": "", "note": "", "play": "", "finding": "", "level": "unclear"} | more


def _unasked(row: Row, team: str, why: str) -> Row:
    return row | {team: why, f"{team}_low": None, f"{team}_high": None, f"{team}_n": None}


_SETTLE = "Would settle it: the score at handover, stamped on about 180 more leads."
DOCKET = Exhibit(
    key="audit.docket",
    title="Six complaints hold, two do not, four stay open and one was hardly raised",
    shape="docket",
    columns=[
        *_columns(
            "label:No.:text", "says:Who says it:text", "complaint:Complaint:text", "sales:Sales, who agree:text",
            "marketing:Marketing, who agree:text", "evidence:Evidence:text", "ends:Interval and count:text",
            "verdict:Verdict:text", "note:Why:text", "play:Play:text"),
        *(column.model_copy(update={"is_extra": True}) for column in _columns(
            "claimant:claimant:text", "sales_low:low:count", "sales_high:high:count", "sales_n:n:count",
            "marketing_low:low:count", "marketing_high:high:count", "marketing_n:n:count", "finding:finding:text",
            "level:level:text")),
    ],
    rows=[
        _charge("G1", "sales", "Marketing’s leads are poor", (10, 10), (0, 1), "45\u00a0% of accepted leads qualify",
                "Not borne out", ends="(39 to 51; n = 318) Also tested: 61\u00a0% of "
                "those touched in time. One of the two is enough for the complaint.",
                finding="funnel.sal_to_sql", level="good", play="P6"),
        _charge("G2", "marketing", "Sales does not follow up our leads", (2, 2), (7, 8),
                "45\u00a0% got a first touch in 24 working hours", "Borne out", ends="(41 to 50; 218 of 480)",
                finding="funnel.first_touch", level="act", play="P4"),
        _charge("G3", "sales", "The content is no use to us", (9, 9), (2, 2), "58\u00a0% of assets went unused",
                "Both have a point", ends="(48 to 68; 49 of 84)", finding="content.unused", level="act", play="P13",
                note="Paired with G4: read together."),
        _charge("G4", "marketing", "Sales never learned to use it", (3, 3), (6, 6),
                "Sellers use what they were shown 24 percentage points more often", "Both have a point",
                ends="(9 to 38)", level="watch", play="P14", note="Paired with G3: read together."),
        _charge("G5", "sales", "Marketing aims at the wrong industries", (8, 8), (3, 3),
                "Effort and plan lie 31\u00a0% apart", "Borne out", ends="(counted over four segments)",
                finding="content.focus", level="watch", play="P2"),
        _unasked(_charge("G6", "sales", "Marketing talks in generalities", (7, 7), (3, 3),
                         "9 of 84 assets speak to a named role or account", "Borne out", ends="(counted)", play="P15",
                         level="act"), "marketing", "not asked"),
        _charge("G7", "sales", "Marketing chases vanity numbers", (6, 6), (2, 2),
                "4 of 11 metrics have no line to revenue", "Not borne out", ends="(counted)", level="good", play="P11"),
        _charge("G8", "marketing", "Sales only thinks of this quarter", (2, 2), (0, 1),
                "Not tested: at most one of Marketing makes this claim", "Not raised")
        | {"says": "Usually Marketing"},
        _charge("G9", "both", "They take our credit", (7, 7), (5, 5), "18 to 64\u00a0% of won revenue is Marketing’s",
                "No rule settles it", ends="(range over rules of credit; n = 38)", finding="funnel.credit_claim",
                play="P10", note="The room chooses a rule; no data can."),
        _charge("G10", "both", "Leads get lost between us", (8, 8), (6, 6),
                "29\u00a0% end with no touch, no owner or no next step", "Borne out", ends="(25 to 33; 139 of 480)",
                finding="funnel.leaked", level="act", play="P9"),
        _charge("G11", "marketing", "Sales picks only the warm ones", (3, 3), (5, 5), "No score at the handover",
                "Cannot tell", note=_SETTLE, play="P7"),
        _charge("G12", "each", "They do not know what we do", (6, 6), (5, 5), "Each misjudges the other by 0.8 points",
                "Cannot tell", ends="(0.1 to 1.5; n = 20)", finding="survey.gap.common_language", play="P16",
                note="Would settle it: a second wave of the survey with the same items."),
        _unasked(_charge("G13", "each", "They do not value us", (5, 5), (4, 4),
                         "Perception only: nothing outside the survey can test it", "No outside evidence possible",
                         note="Talk about it; do not score it.", play="P17"), "sales", "withheld"),
    ],
    read="The bar is the 95\u00a0% interval, the tick in it the estimate, the dashed line what both teams agreed "
    "before the data were opened. On the shaded side the complaint holds.",
    says_not="Who is to blame: a complaint that holds says what happens, not why.",
    alt="Thirteen grievances with who agrees, the evidence, the verdict and the play.",
    source="responses, 20 people; leads, 480; assets, 84",
)  # fmt: skip

CONVERSATIONS = Exhibit(
    key="audit.conversations",
    title="Sellers can define success with a buyer, but in five of six segments nothing helps them do it",
    lead="For each conversation: what the teams said, what was supplied, what happened.",
    shape="strip",
    columns=_columns(
        "label:No.:text", "name:Conversation:text", "when:When:text", "sales:Sales:points", "sales_low:low:points",
        "sales_high:high:points", "sales_n:Sales, answers:count", "marketing:Marketing:points",
        "marketing_low:low:points", "marketing_high:high:points", "marketing_n:Marketing, answers:count",
        "supplied:Segments with a usable asset:count", "segments:of:count", "amount:Open where there is none:money",
        "value:Goes on:share", "low:low:share", "high:high:share", "limit:Agreed floor:share", "n:Leads:count",
        "level:Level:text", "reading:Reading:text", "note:Note:text"),
    rows=_rows(
        "label name when sales sales_low sales_high sales_n marketing marketing_low marketing_high marketing_n "
        "supplied segments amount value low high limit n level reading note",
        ("C1", "Tailored point of view", "before contact", 2.4, 1.9, 2.9, 12, 3.6, 3.1, 4.1, 8, 2, 6, 25_500_000,
         None, None, None, 0.5, None, "unclear",
         "The teams differ by 1.2 points, and no field can say who is right. Add the field.", "not recorded"),
        ("C2", "Right people", "first contact", 3.4, 2.9, 3.9, 12, 3.6, 3.1, 4.1, 8, 5, 6, None,
         0.66, 0.62, 0.70, 0.6, 480, "good", "All three strands agree: this works.", "within 60 days"),
        ("C3", "Relevant meeting", "discovery", 3.0, 2.5, 3.5, 12, None, None, None, None, 4, 6, 30_000_000,
         0.45, 0.39, 0.51, 0.3, 318, "good", "Better than Sales believes.", "within 60 days"),
        ("C4", "Definition of success", "consensus", 3.9, 3.4, 4.4, 12, 3.8, 3.3, 4.3, 8, 1, 6, 87_000_000,
         0.86, 0.78, 0.91, 0.7, 131, "act", "Said and happened agree; the material is missing in five of six segments.",
         "within 60 days"),
        ("C5", "Value tangible", "decision", None, None, None, None, None, None, None, None, None, None, None,
         0.44, 0.34, 0.54, 0.4, 104, "unclear", "The interval crosses the agreed 40\u00a0%.", "within 60 days"),
    ),
    read="Circle Sales, diamond Marketing: mean answer, 1 to 5. A filled box is a segment with a usable asset. "
    "Tick: share of leads that goes on, in its 95\u00a0% interval; dashed: the agreed floor.",
    says_not="That the material makes leads go on: the three stand side by side, no one is the cause of another.",
    alt="Five conversations, each with what was said, supplied and what happened.",
    source="responses, 20 people; assets, 84; stage_events, 480 leads",
    play="P14",
)  # fmt: skip

GUESSES = Exhibit(
    key="audit.guesses",
    title="Both teams misjudge follow-up, in opposite directions",
    lead="Each team guessed first; then the data were opened. Median guess out of 100.",
    shape="paired",
    columns=_columns(
        "label:Question:text", "sales:Sales guesses:share", "sales_low:low:share", "sales_high:high:share",
        "sales_n:Sales, answers:count", "marketing:Marketing guesses:share", "marketing_low:low:share",
        "marketing_high:high:share", "marketing_n:Marketing, answers:count", "value:The data say:share",
        "low:low:share", "high:high:share", "note:Note:text"),
    rows=_rows(
        "label sales sales_low sales_high sales_n marketing marketing_low marketing_high marketing_n "
        "value low high note",
        ("Leads touched in time", 0.82, 0.74, 0.9, 12, 0.35, 0.25, 0.46, 8, 0.45, 0.41, 0.5, None),
        ("Accepted leads that qualify", 0.22, 0.15, 0.29, 12, 0.6, 0.5, 0.7, 8, 0.45, 0.39, 0.51, None),
        ("Assets used within 12 months", 0.2, 0.13, 0.28, 12, None, None, None, None, 0.42, 0.32, 0.52, None),
        ("Metrics tied to revenue", 0.98, 0.9, 1.0, 12, 0.02, 0.0, 0.1, 8, 0.64, None, None, None),
        ("Revenue due to Marketing", 0.3, 0.2, 0.4, 12, 0.8, 0.7, 0.88, 8, None, 0.18, 0.64, "range over five rules"),
        ("Opportunities won", 0.38, 0.31, 0.45, 12, 0.3, 0.2, 0.4, 8, None, None, None, "not recorded"),
    ),
    read="Circle: what Sales guessed; diamond: what Marketing guessed. The dark tick on the grey bar is the measured "
    "value with its interval; an arrow is a range over rules.",
    alt="Six figures that both teams guessed, and what the data say.",
    source="responses, 20 people, and the findings",
    play="P18",
)  # fmt: skip

SCORECARD = Exhibit(
    key="audit.scorecard",
    title="Handoff is where most must be done",
    lead="Each theme with its parts: no score without what it is made of.",
    shape="table",
    columns=_columns(
        "label:Theme:text", "level:Level:text", "act:Act:count", "watch:Watch:count", "good:Good:count",
        "unclear:Unclear:count", "not_judged:Not judged:count"),
    rows=_rows(
        "label level act watch good unclear not_judged",
        ("Handoff", "act", 3, 0, 1, 0, 0),
        ("Content", "act", 1, 1, 0, 1, 0),
        ("Shared goal", "good", 0, 0, 1, 0, 0),
        ("Credit", "unclear", 0, 0, 0, 1, 1),
        ("Metrics", "not judged", 0, 0, 0, 0, 1),
    ),
    read="Counts of findings by level.",
    alt="A table of themes.",
    source="the findings of this audit",
)  # fmt: skip


def _share(k: int | None, n: int | None, value: float | None, low: float | None, high: float | None) -> Measure:
    return Measure(
        value=value,
        unit="share",
        k=k,
        n=n,
        low=low,
        high=high,
        method="Wilson 95\u00a0%" if low is not None else "counted",
    )


def _finding(key: str, level: str, title: str, detail: str, measure: Measure, agreed: str = "", **more: Any) -> Finding:
    """``agreed`` reads ``at_most 0.1``; the theme of a survey finding is its block."""
    direction, _, limit = agreed.partition(" ")
    given = {"direction": direction, "limit": float(limit)} if agreed else {}
    theme = more.pop("theme", "handoff")
    fields = {"key": key, "level": level, "title": title, "detail": detail, "measure": measure, "theme": theme}
    return Finding.model_validate(fields | {"rule": agreed or "no threshold agreed"} | given | more)


_GAP = Measure(value=0.8, unit="points", n=20, low=0.1, high=1.5, method="Welch")
_WITHHELD = Measure(value=None, unit="points", method="withheld")
_FALL = Measure(value=-0.042, unit="share", n=900, low=-0.08, high=-0.01, method="Newcombe")
_CREDIT = Measure(value=None, unit="share", n=38, low=0.18, high=0.64, method="range over rules of credit")

FINDINGS = [
    _finding("funnel.first_touch", "act", "Only 45\u00a0% of leads get a first touch in time",
             "Interval 41 to 50; 218 of 480 within 24 working hours. Agreed: at least 70\u00a0%.",
             _share(218, 480, 0.454, 0.41, 0.5), "at_least 0.7", play="P4"),
    _finding("funnel.leaked", "act", "29\u00a0% of leads end with no touch, no owner or no next step",
             "Interval 25 to 33; 139 of 480. Agreed: at most 10\u00a0%.",
             _share(139, 480, 0.29, 0.25, 0.33), "at_most 0.1", play="P9"),
    _finding("content.unused", "act", "58\u00a0% of the content went unused for 90 days",
             "Interval 48 to 68; 49 of 84 assets. Agreed: at most 40\u00a0%.",
             _share(49, 84, 0.583, 0.48, 0.68), "at_most 0.4", play="P13", theme="content"),
    _finding("content.focus", "watch", "Marketing's effort sits 31\u00a0% away from Sales' plan",
             "Counted over four segments. Agreed: at most 15\u00a0%.",
             _share(None, 4, 0.31, None, None), "at_most 0.15", play="P12", theme="focus"),
    _finding("funnel.sal_to_sql", "good", "Lead quality is not the problem: 45\u00a0% of accepted leads qualify",
             "Interval 39 to 51; n = 318, of which 53 still open. Agreed: at least 30\u00a0%.",
             _share(143, 318, 0.45, 0.39, 0.51), "at_least 0.3", play="P3"),
    _finding("survey.gap.common_language", "unclear",
             "Whether the teams share a language cannot be told: gap 0.8 points, interval 0.1 to 1.5",
             "Agreed: at most 1 point.", _GAP, "at_most 1.0", play="P3", theme="common_language",
             settle="about 20 more answers in each team"),
    _finding("survey.gap.credit", "unclear", "Credit cannot be compared: Marketing's answers are withheld",
             "Fewer than five answers.", _WITHHELD, "at_most 1.0", theme="credit",
             settle="five answers or more from Marketing"),
    _finding("funnel.cohorts", "watch",
             "Leads of May close less often than those of April: 8.4\u00a0% against 12.6\u00a0%",
             "Won within 90 days.", _FALL),
    _finding("funnel.credit_claim", "unclear", "18 to 64\u00a0% of won revenue is Marketing's, by the rule alone",
             "Range 18 to 64. Agreed: at least 40\u00a0%.", _CREDIT, "at_least 0.4", play="P10", theme="credit",
             settle="a rule of credit that both teams choose; no data can"),
]  # fmt: skip

NOT_JUDGED = [
    NotJudged(what="Whether Sales picks only the warm leads", theme="handoff",
              why="the score at handover was overwritten on 302 of 480 leads",
              settle="the score at handover, stamped on about 180 more leads"),
    NotJudged(what="Credit, Marketing's view", theme="credit", why="fewer than five answers",
              settle="five answers or more from Marketing"),
    NotJudged(what="Whether both teams are judged on the same metrics", theme="metrics",
              why="no scorecards were supplied", settle="each team's list of metrics"),
]  # fmt: skip


def _result(diagnostic: str, exhibits: list[Exhibit], findings: list[Finding], **more: Any) -> Result:
    return Result.model_validate(
        {
            "diagnostic": diagnostic,
            "question": f"What does {diagnostic} say?",
            "headline": f"The headline of {diagnostic}",
            "summary": "A summary.",
            "exhibits": exhibits,
            "findings": findings,
        }
        | more
    )


def sample_record(**changes: Any) -> Record:
    """A whole record; ``changes`` replace its own fields."""
    reasons = {"test leads": 15, "no date": 10}
    counts = [
        RowCount(file="leads.csv", table="leads", read=505, used=480, rejected=10, excluded=15, reasons=reasons),
        RowCount(file="assets.xlsx", table="assets", read=84, used=84, rejected=0, excluded=0),
    ]
    sources = [
        Source(file="leads.csv", table="leads", rows=505, sha256="4f1c09ae" * 8),
        Source(file="assets.xlsx", table="assets", rows=84, sha256="b27d51c0" * 8),
    ]
    of = {"row_counts": counts, "sources": sources}
    parts = {n: [f for f in FINDINGS if f.key.startswith(f"{n}.")] for n in ("survey", "content", "funnel")}
    audit = {
        "headline": "Three leads in ten fall between two teams that want the same thing",
        "summary": "Sales and Marketing rank the same goal first. The leads are good enough; the handover is what "
        "fails: 139 of 480 leads ended with no touch, no owner or no next step (29\u00a0%, interval 25 to 33). Most "
        "content goes unused.",
        "not_judged": NOT_JUDGED,
    }
    survey = {"basis": ["20 of 23 people answered"], "settings": {"smallest_group": 5}}
    content = {
        "basis": ["84 assets, 1,908 uses", "Usage of 200 days"],
        "settings": {"unused_days": 90, "stale_days": 365},
        "caveats": ["23 of 84 assets name no conversation and are counted in no cell."],
    }
    funnel = {"basis": ["480 leads handed over"], "settings": {"path": "any", "horizon_days": 90}}
    results = {
        "survey": _result("survey", [RESPONSE, DUMBBELL, ITEMS], parts["survey"], **survey),
        "content": _result("content", [UNUSED, COVERAGE, FOCUS, AGE], parts["content"], **content, **of),
        "funnel": _result("funnel", [WATERFALL, LEAKS, TOUCH, BY_SOURCE], parts["funnel"], **funnel, **of),
        "audit": _result("audit", [SCORECARD, GUESSES, CONVERSATIONS, DOCKET], FINDINGS, **audit),
    }
    fields: dict[str, Any] = {
        "kit_version": "0.1.0", "client": "Northwind Sample Co.", "synthetic": True, "period_start": "2025-04-01",
        "period_end": "2026-03-31", "as_of": "2026-04-30", "currency": "EUR", "settings_sha256": "7be240d9" * 8,
        "thresholds_lock": "Thresholds locked on 2026-05-02; unchanged since.", "results": results,
    }  # fmt: skip
    return Record.model_validate(fields | changes)


def nothing_judged() -> dict[str, Result]:
    """What an audit records that was given no file it could judge anything on."""
    return {name: Result(diagnostic=result.diagnostic, question="", headline="", summary="")
            for name, result in sample_record().results.items()}  # fmt: skip


def every_exhibit(record: Record) -> list[Exhibit]:
    return [exhibit for result in record.results.values() for exhibit in result.exhibits]
