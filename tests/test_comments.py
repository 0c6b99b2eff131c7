"""Comments are flagged by rules that can be tested, approved by a person, and never leave before."""

import json
import random
from pathlib import Path

import pytest

from alignlib.comments import APPROVED_FILE, Comment, approve, approved, fingerprint, flags_of
from alignlib.errors import AlignError

MAIL, PHONE, WEB, NAME = "e-mail address", "phone number", "web address", "a name?"


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("Sales and Marketing never talk about the same leads.", ()),
        ("The Sales team waits 3 days, in 2024-01-15 terms 45 % of 1,200 leads.", ()),
        ("Since 15.01.2024 it is better. CRM data is poor; I know.", ()),
        ("", ()),
        ("Write to kim.weber+x@acme.example.", (MAIL,)),
        ("KIM@ACME.EXAMPLE knows", (MAIL,)),
        ("Ring +49 (0)30 123-45 67", (PHONE,)),
        ("0171/2345678", (PHONE,)),
        ("see https://intra/x or www.acme or acme.com/team", (WEB,)),
        ("Peter Smith drops every lead", (NAME,)),
        ("ask J. Smith", (NAME,)),
        ("Sean O'Brien, Zoë Łukasiewicz", (NAME,)),
        ("@kim never answers", (NAME,)),
        ("kim@acme.example 030 1234567 www.acme.example Kim Weber", (MAIL, PHONE, WEB, NAME)),
    ],
)
def test_S42_what_may_give_somebody_away_is_flagged(text: str, flags: tuple[str, ...]) -> None:
    assert flags_of(text) == flags


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("weber is slow", (NAME,)),  # a known name whole, in any capitals
        ("Nobody hears from Kim.", (NAME,)),  # one word of a known name, with a capital
        ("kimono, Weberei", ()),
        ("u-0042 takes every lead", (NAME,)),
        ("The seller calls late; the Sales Team is small.", (NAME,)),  # "Sales Team" whole: it is one owner's name
        ("The Seller calls late.", ()),
        ("wÉber", (NAME,)),
    ],
)
def test_names_known_from_other_files_are_flagged(text: str, flags: tuple[str, ...]) -> None:
    assert flags_of(text, ["Weber", "Kim Lang", "u-0042", "Sales Team", "Seller 7", "", "We\u0301ber"]) == flags


def test_S42_only_what_was_approved_is_approved_and_a_changed_text_is_not(tmp_path: Path) -> None:
    texts = ["Leads wait.", "Ask Kim Weber."]
    assert approved(tmp_path, texts) == frozenset()
    path = approve(tmp_path, texts[:1], by="A. Consultant", at="2026-11-22T10:00:00+00:00")
    assert approved(tmp_path, texts) == {fingerprint("Leads wait.")}
    assert approved(tmp_path, ["Leads wait!", "leads wait."]) == frozenset()
    assert approved(tmp_path, ["  Leads wait.\n"]) == {fingerprint("Leads wait.")}  # blanks around it change nothing
    record = json.loads(path.read_text())
    assert (record["by"], record["at"]) == ("A. Consultant", "2026-11-22T10:00:00+00:00")
    assert "Leads" not in path.read_text() and "Kim" not in path.read_text()


def test_an_approval_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    approve(tmp_path, ["one", "two"], by="x", at="then")
    approve(tmp_path, ["two", "three"], by="x", at="now")
    assert approved(tmp_path, ["one", "two", "three"]) == {fingerprint("two"), fingerprint("three")}


def test_the_order_of_the_record_says_nothing(tmp_path: Path) -> None:
    texts = [f"comment {i}" for i in range(20)]
    first = approve(tmp_path, texts, by="x", at="now").read_bytes()
    random.Random(1).shuffle(texts)
    assert approve(tmp_path, texts, by="x", at="now").read_bytes() == first


def test_who_wrote_a_comment_is_never_printed_and_makes_no_difference() -> None:
    one, other = (Comment("Leads wait.", "sales", (), "comment_change", who) for who in ("Kim", "Lee"))
    assert one == other and "Kim" not in repr(one)


def test_accents_written_in_two_ways_are_one_text() -> None:
    assert fingerprint("Gespr\u00e4ch") == fingerprint(" Gespra\u0308ch ")


@pytest.mark.parametrize("damage", ["", "[]", "{}", "cut", "one more", "no name", "text"])
def test_a_damaged_approval_is_refused(damage: str, tmp_path: Path) -> None:
    path = approve(tmp_path, ["one"], by="x", at="now")
    record, text = json.loads(path.read_text()), path.read_text()
    smuggled = json.dumps(record | {"approved": [*record["approved"], fingerprint("two")]})
    path.write_text({
        "cut": text[:40], "one more": smuggled, "no name": json.dumps(record | {"by": ""}),
        "text": json.dumps(record | {"approved": 7}),
    }.get(damage, damage))  # fmt: skip
    with pytest.raises(AlignError, match=rf"{APPROVED_FILE}.*alignlib comments approve.*E-CORRUPT"):
        approved(tmp_path, ["one"])
