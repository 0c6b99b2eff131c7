"""Which words that are no finding's own stand in a report? Written once, so that four formats say the same."""

NAME = "Alignment audit"
SYNTHETIC = "Synthetic sample: no real client, no real people"
LEVELS = ("act", "watch", "unclear", "good")  # in the order in which findings are listed
READERS = {"client": "the client", "sales": "Sales", "marketing": "Marketing", "board": "the board"}
MOST, ALL = "What matters most", "All findings"
CANNOT_SAY = "What this audit cannot say"
NOT_JUDGED = "Not judged, which is not “no problem”"
LEFT_OUT, NOTHING_LEFT_OUT = "What was left out", "Nothing that this version can judge"
OTHERS, OTHERS_TITLE = "All other findings", "What else was judged, by level"
OPEN_TITLE = "What else these data leave open"
METHOD, METHOD_TITLE = "Method and data", "Anyone with the same files and settings gets the same figures"
COUNTS_TITLE = "Every row read is used, rejected or excluded"
CAVEATS_TITLE = "To bear in mind"
RULE_TITLE, MADE_TITLE = "Verdict rule", "Made with"
RULE = (
    "The two-sided 95 % interval against the agreed limit: wholly beyond it is act or watch, wholly within it is good, "
    "across it is unclear. What is judged is what is drawn. Bounds and ranges over rules are no intervals and say so."
)
READ, SAYS_NOT, SOURCE, RUN = "How to read", "What it does not say", "Source", "Run"
SETTLE, NO_PLAY = "Would settle it", "No play"
