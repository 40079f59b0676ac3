"""The table of known faults is what the tests say."""

from known_faults import BEGIN, DOCUMENT, END, FAULTS, MARK, ROOT, marked, table


def test_every_fault_has_a_test_or_is_said_to_have_none():
    assert set(marked()) == {number for number, fault in FAULTS.items() if fault.covered}


def test_no_mark_is_passed_over():
    """Marks stand above functions, one line each; others would not be in the table."""
    lines = [
        line.strip()
        for file in (ROOT / "tests").rglob("*.py")
        if file.parent.name != "contract" or "known_faults" not in file.name
        for line in file.read_text(encoding="utf-8").splitlines()
        if "mark.fault" in line
    ]
    numbers = sum(line.removeprefix(f"@{MARK}(").count(",") + 1 for line in lines)
    assert numbers == sum(map(len, marked().values()))


def test_the_document_has_this_table():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0].strip() == table().strip()
