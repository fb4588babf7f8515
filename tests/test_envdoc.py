"""Files of names and values: what dotenv 3.1.8 makes of a line, and what is written so that it reads it back.

The tables were checked by running dotenv 3.1.8 (and 2.8 where it says so) with Kamal's own `$(…)`.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamal_migrate.envdoc import COMMAND, EMPTY, ERB, LITERAL, REFERENCE, EnvDoc, EnvError, quoted
from kamal_migrate.enverb import FILE, MIXED, UNKNOWN, from_erb
from kamal_migrate.erbtags import ErbError

LITERALS = [
    ("A=plain", "plain"),
    ("A=with space", "with space"),
    ("export A=1", "1"),
    ("A: x", "x"),
    ("A = x", "x"),
    ("  A=x  ", "x"),
    ("A=pa#ss", "pa"),
    ("A=pa #ss", "pa"),
    ('A="pa #ss"', "pa #ss"),
    ('A="x" # said', "x"),
    ("A='a$b'", "a$b"),
    ("A='q''q'", "q''q"),
    ("A='it's'", "it's"),
    (r"A=x\$y", "x$y"),
    (r'A="x\$y"', "x$y"),
    (r"A=a\b", "ab"),
    (r'A="a\\b"', r"a\b"),
    (r'A="q\"q"', 'q"q'),
    (r'A="l1\nl2"', r"l1\nl2"),
    (r'A="l1\\nl2"', r"l1\nl2"),
    ('A="l1\nl2"', "l1\nl2"),
    ("A='l1\nl2'", "l1\nl2"),
    ("A='$(date)'", "$(date)"),
    (r"A=\$(date)", "$(date)"),
    ("A=`date`", "`date`"),
    ("A=$(date", "$(date"),
    ("A=$()", "$()"),
    ("A=$", "$"),
    ("A=", ""),
    ("A=''", ""),
    ("A", ""),
    ("A.b_1=x", None),
    ("A='open", "'open"),
    ('A="open" rest', '"open" rest'),
    ("A=1\r\n", "1"),
    ("\ufeffA=1", "1"),
]


@pytest.mark.parametrize(("text", "value"), LITERALS)
def test_what_dotenv_reads(text: str, value: str | None) -> None:
    doc = EnvDoc(text)
    line = doc.setting("A")
    assert (doc.literal(line) if line else None) == value
    assert doc.names() == (("A",) if value is not None else ("A.b_1",))


def test_dotenv_2_makes_a_line_break_of_its_escape() -> None:
    doc = EnvDoc(r'A="l1\nl2"')
    assert doc.literal(doc.lines[0], legacy=True) == "l1\nl2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A=x", LITERAL),
        ("A=", EMPTY),
        ('A=""', EMPTY),
        ("A=$X", REFERENCE),
        ("A=${X}", REFERENCE),
        ('A="x $X"', REFERENCE),
        ("A=${X:-d}", REFERENCE),
        ("A=$(cmd)", COMMAND),
        ('A="$(cmd)"', COMMAND),
        ("A=$(a (b))", COMMAND),
        ("A=$(a $X)", COMMAND),
        ("A=$(a \\( )", LITERAL),
        ("A=$(a \\\\( )", COMMAND),
    ],
)
def test_what_a_value_is(text: str, says: str) -> None:
    doc = EnvDoc(text)
    assert doc.lines[0].says == says
    assert (doc.literal(doc.lines[0]) is None) == (says in (REFERENCE, COMMAND))


@pytest.mark.parametrize("line", ["A-B=1", "=1", "export A", "export A=", "some words", "A='x' y # 'z"])
def test_lines_that_set_nothing_as_written(line: str) -> None:
    doc = EnvDoc(f"# first\n\n{line}\nB=1")
    assert [(found.kind, found.line) for found in doc.lines if found.name != "A"] == [
        ("comment", 1),
        *([] if line.startswith("A='") else [("invalid", 3)]),
        ("setting", 4),
    ]


def test_the_last_line_of_a_name_wins() -> None:
    doc = EnvDoc("A=1\nB=2\nexport A=3\n")
    line = doc.setting("A")
    assert line
    assert (doc.raw(line), line.line, line.exported) == ("3", 3, True)
    assert doc.names() == ("A", "B")
    assert doc.setting("C") is None


def test_places_count_windows_line_breaks_and_a_mark() -> None:
    doc = EnvDoc("\ufeff# c\r\nA='l1\r\nl2'\r\nB=x\r\n")
    assert [(line.name, line.line, doc.raw(line)) for line in doc.lines] == [
        ("", 1, ""),
        ("A", 2, "'l1\r\nl2'"),
        ("B", 4, "x"),
    ]


def test_no_value_is_ever_printed() -> None:
    doc = EnvDoc("A=hunter2\nB='hunter2'\nC=<%= 'hunter2' %>\nhunter2 hunter2", erb=True)
    assert "hunter2" not in repr((doc, doc.lines, from_erb(doc.text)))
    with pytest.raises(EnvError) as error:
        quoted("hunter2 #\\")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "N=$N\nM=$M\n"),
        ("A=1\n", "A=1\nN=$N\nM=$M\n"),
        ("A=1", "A=1\nN=$N\nM=$M"),
        ("A=1\r\n", "A=1\r\nN=$N\r\nM=$M\r\n"),
        ("A=1\r\nB=2", "A=1\r\nB=2\r\nN=$N\r\nM=$M"),
        ("\ufeffA=1\n\n", "\ufeffA=1\n\nN=$N\nM=$M\n"),
        ("\ufeff", "\ufeffN=$N\nM=$M\n"),
        ("# it's\n", "# it's\nN=$N\nM=$M\n"),
    ],
)
def test_lines_come_to_the_end(before: str, after: str) -> None:
    assert EnvDoc(before).extend(["N=$N", "M=$M"]) == after
    assert EnvDoc(before).extend([]) == before


def test_a_quote_that_is_never_closed_takes_in_nothing() -> None:
    assert EnvDoc('A="open\n').extend(["N=$N"]).endswith("N=$N\n")
    with pytest.raises(EnvError, match="never closed"):
        EnvDoc('A="open\n').extend(["N=$N", '# "'])
    with pytest.raises(EnvError, match="never closed"):
        EnvDoc("A='open\n").extend(["N=$N # '"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "''"),
        ("plain", "'plain'"),
        ("pa #ss", "'pa #ss'"),
        ("$HOME", "'$HOME'"),
        ("$(rm -r x)", "'$(rm -r x)'"),
        ("l1\nl2", "'l1\nl2'"),
        (r"a\b", r"'a\b'"),
        ("it's", '"it\\\'s"'),
        ("it's $5", '"it\\\'s \\$5"'),
        ("'$(a)", '"\\\'\\$(a)"'),
        ("'$(a", '"\\\'$(a"'),
        ("'$(a $(b))", '"\\\'\\$(a $(b))"'),
        ("a\\", "a\\\\"),
        ("a b\\", "a b\\\\"),
    ],
)
def test_the_form_of_a_value(value: str, text: str) -> None:
    assert quoted(value) == text


@pytest.mark.parametrize("value", ["a#b\\", " a\\", "a\nb\\", "a\rb", "a\0b", "'$(\\)"])
def test_what_no_line_can_say(value: str) -> None:
    with pytest.raises(EnvError, match="dotenv cannot read"):
        quoted(value)


def read(text: str) -> str:
    """The value of the line ``A=…`` of a text, by a second, plainer reader than that of `EnvDoc`."""
    raw = text[text.index("A=") + 2 :]
    if raw[0] == "'":
        return raw[1 : raw.index("'", 1)]
    if raw[0] == '"':
        match = re.match(r'"((?:[^"\\]|\\.)*)"[ \t]*(?:\n|\Z)', raw, re.DOTALL)
        assert match, "a quote ends its line"
        raw = match[1]
    else:
        raw = re.split(r"[#\n]", raw)[0].strip()
    characters = iter(raw)
    return "".join(next(characters) if char == "\\" else char for char in characters)


PIECES = st.sampled_from([*"aB1_ \t'\"\\$(){}#\n`=nré😀", "$(", "$X", "${X}", "\\n", "$()", "\\$"])


@given(st.lists(PIECES, max_size=12).map("".join), st.sampled_from(["", "\nB='x'", '\nB="x"\n', '\n# "']))
def test_values_come_back(value: str, following: str) -> None:
    try:
        text = quoted(value)
    except EnvError:
        assert value.endswith("\\") or "\\" in value.partition("$(")[2]
        return
    assert read(f"# it's\nA={text}{following}") == value
    doc = EnvDoc(f"# it's\nA={text}{following}")
    line = doc.setting("A")
    assert line
    assert doc.literal(line) == value


@given(
    st.lists(PIECES | st.sampled_from(["\nA=", "\r\n", "export "]), max_size=20).map("".join),
    st.lists(st.sampled_from(["N=$N", "M='x'", '# "', "O=$(cmd)"])),
)
def test_what_was_there_stays(text: str, lines: list[str]) -> None:
    doc = EnvDoc(text)
    try:
        after = doc.extend(lines)
    except EnvError:
        return
    assert after.startswith(text)
    kept = [(line.name, doc.raw(line)) for line in doc.lines]
    assert [(line.name, EnvDoc(after).raw(line)) for line in EnvDoc(after).lines][: len(kept)] == kept


ERB_LINES = [
    ("A=<%= `op read op://v/i` %>", COMMAND, "$(op read op://v/i)"),
    ('A=<%= `op read "op://v/My App/i" -n`.strip %>', COMMAND, '$(op read "op://v/My App/i" -n)'),
    ('A="<%= %x(bw get password a) %>"', COMMAND, "$(bw get password a)"),
    ("A=<%= %x{lpass show a}.chomp -%>", COMMAND, "$(lpass show a)"),
    ('A=<%= `bw get "a#b"` %>', COMMAND, r'"$(bw get \"a#b\")"'),
    ('A=<%= `op read op://#{ENV["VAULT"]}/i` %>', COMMAND, "$(op read op://${VAULT}/i)"),
    ("A=<%= `echo $B` %>", COMMAND, "$(echo $B)"),
    ("A=$(date)", COMMAND, "$(date)"),
    ('A=<%= ENV["B"] %>', REFERENCE, "$B"),
    ("A=<%= ENV.fetch('B') %>", REFERENCE, "$B"),
    ("A=${B}", REFERENCE, "${B}"),
    ('A=<%= File.read("config/master.key").strip %>', FILE, "$(cat config/master.key)"),
    ('A=<%= File.read("a b.key") %>', FILE, '$(cat "a b.key")'),
    ("A=word", LITERAL, ""),
    ("A=", EMPTY, ""),
    ('A=pg://u:<%= ENV["B"] %>@db', MIXED, ""),
    ("A=x$B", MIXED, ""),
    ("A=x$(cmd)", MIXED, ""),
    ('A=<%= ENV["B"] || "d" %>', UNKNOWN, ""),
    ('A=<%= ENV.fetch("B", "d") %>', UNKNOWN, ""),
    ("A=<%= `op read x --session #{token}` %>", UNKNOWN, ""),
    ("A=<%= `awk '{print $1}' x` %>", UNKNOWN, ""),
    ("A=<%= `grep '(' x` %>", UNKNOWN, ""),
    ("A=<%= `echo a\\nb` %>", UNKNOWN, ""),
    ("A=<%= aws.key %>", UNKNOWN, ""),
    ('A=<%= File.read(Rails.root.join("x")) %>', UNKNOWN, ""),
    ('A=<%= "word" %>', UNKNOWN, ""),
]


@pytest.mark.parametrize(("line", "kind", "text"), ERB_LINES)
def test_a_line_of_a_template(line: str, kind: str, text: str) -> None:
    (said,) = from_erb(f"# Made by hand\n{line}\n")
    assert (said.name, said.line, said.kind, said.text) == ("A", 2, kind, text)
    if text:
        assert EnvDoc(f"A={text}").lines[0].says == (REFERENCE if kind == REFERENCE else COMMAND)


def test_which_names_a_line_needs() -> None:
    said = from_erb('A=<%= ENV["B"] %>\nC=<%= `x $D ${E}` %>\nF=<%= File.read("g") %>\n')
    assert [(one.refers, one.path) for one in said] == [(("B",), ""), (("D", "E"), ""), ((), "g")]


def test_conditions_and_loops_are_told() -> None:
    text = (
        "<% if ok %># head\nA=<%= `a` %>\nB=<%= `b` %>\n<% else %>\nB=<%= `c` %>\n<% end %>\n"
        "C=<%= `c` %>\n<% %w[X Y].each do |n| %>\n<%= n %>=<%= ENV[n] %>\n<% end %>\n"
    )
    assert [(one.name, one.kind, one.conditional) for one in from_erb(text)] == [
        ("A", COMMAND, True),
        ("B", UNKNOWN, True),
        ("B", UNKNOWN, True),
        ("C", COMMAND, False),
        ("", UNKNOWN, False),
    ]


def test_the_lines_of_a_template() -> None:
    doc = EnvDoc("<% require 'x' %>\n# c\nA=<%= `a\nb` %>\nB=1\n", erb=True)
    assert [(line.kind, line.line, line.says) for line in doc.lines] == [
        ("ruby", 1, ""),
        ("comment", 2, ""),
        ("setting", 3, ERB),
        ("setting", 5, LITERAL),
    ]


def test_an_open_tag_is_an_error() -> None:
    with pytest.raises(ErbError, match="never closed"):
        from_erb("A=<%= `x` \n")
