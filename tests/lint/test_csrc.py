"""
The house rules of the C core that a compiler does not know.

An edge between threads that is written down is an edge that a reviewer can find wrong: so every atomic operation has
its label above it, and every label stands in an ordering table with what it carries.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"
CORE = sorted([*CSRC.glob("*.h"), *CSRC.glob("*.c")])
TESTS = sorted([*CSRC.glob("tests/*.[ch]"), *CSRC.glob("bench/*.[ch]")])

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

# A_X and R_X stand for any label, in the sentence above each table.
LABEL = re.compile(r"\b([ARS])_((?!X\b)[A-Z]+)\b")
ROW = re.compile(r"^ \*   (R/A_[A-Z]+(?:, R/A_[A-Z]+)*|S_[A-Z]+) +\S", re.MULTILINE)
# `atomic_init` is for memory that no other thread knows; everything else names its order.
IMPLICIT = re.compile(r"\batomic_(?!init\b)(?:\w+)\b(?<!_explicit)\s*\(")
FORBIDDEN = re.compile(r"\batomic_(?:thread|signal)_fence\b|\bvolatile\b|\bmemory_order_consume\b")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# Object-like and function-like atomics may be called across lines; what counts is the statement that they begin.
ATOMIC = re.compile(r"\batomic_\w+_explicit\b")
# A function's body: `{` alone at the margin, to the `}` alone at the margin.
BODY = re.compile(r"^\{\n(.*?)^\}", re.DOTALL | re.MULTILINE)


def without_comments(text: str) -> str:
    """Return the code alone, with as many lines."""
    return COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def declared(text: str) -> set[str]:
    """Return the labels of the ordering tables, as R_X, A_X and S_X."""
    labels = set()
    for row in ROW.findall(text):
        for label in row.split(", "):
            kinds, name = label.split("_")
            labels.update(f"{kind}_{name}" for kind in kinds.split("/"))
    return labels


def lines_with_atomics(text: str) -> dict[int, str]:
    """Return, for each line on which an atomic operation begins, the last comments above it within the function."""
    comments = [
        (text.count("\n", 0, match.start()), text.count("\n", 0, match.end()), match.group())
        for match in COMMENT.finditer(text)
    ]
    found = {}
    for match in ATOMIC.finditer(without_comments(text)):
        line = text.count("\n", 0, match.start())
        above = [comment for first, last, comment in comments if first <= line and last >= line - distance(text, line)]
        found[line + 1] = "\n".join(above)
    return found


def distance(text: str, line: int) -> int:
    """Return how far up a comment may stand: to the line above the statement's first, that of its loop included."""
    lines = text.split("\n")
    steps = 1
    while (
        line > steps
        and not lines[line - steps].lstrip().startswith(("/*", "*"))
        and not lines[line - steps].rstrip().endswith((";", "*/", "{"))
        and lines[line - steps].strip()
    ):
        steps += 1
    return steps


def problems_of_orders(files: dict[str, str]) -> list[str]:
    """Return what is wrong with the memory orders of these files, taken together."""
    tables = set().union(*(declared(text) for text in files.values()))
    used: set[str] = set()
    problems = []
    for name, text in files.items():
        for line, comment in lines_with_atomics(text).items():
            labels = {"_".join(label) for label in LABEL.findall(comment)}
            used |= labels
            if not labels and "Relaxed:" not in comment:
                problems.append(f"{name}:{line}: an atomic operation without a label")
        mentioned = {"_".join(label) for comment in COMMENT.findall(text) for label in LABEL.findall(comment)}
        problems += [f"{name}: {label} is in no ordering table" for label in sorted(mentioned - tables)]
        code = without_comments(text)
        for pattern, what in ((IMPLICIT, "no memory order"), (FORBIDDEN, "a fence, volatile or consume")):
            problems += [
                f"{name}:{code.count(chr(10), 0, match.start()) + 1}: {what}: {match.group()}"
                for match in pattern.finditer(code)
            ]
        problems += problems_of_relaxed(name, text)
    problems += [f"{label} stands in an ordering table and at no operation" for label in sorted(tables - used)]
    return problems


def problems_of_relaxed(name: str, text: str) -> list[str]:
    """Return the operations whose only order is relaxed and whose comment does not say why, or the reverse."""
    code = without_comments(text)
    problems = []
    for match in ATOMIC.finditer(code):
        line = code.count("\n", 0, match.start()) + 1
        orders = set(re.findall(r"memory_order_(\w+)", code[match.start() : code.index(";", match.start())]))
        comment = lines_with_atomics(text)[line]
        if orders == {"relaxed"} and "Relaxed:" not in comment:
            problems.append(f"{name}:{line}: relaxed, and not said why")
        if "relaxed" not in orders and not LABEL.search(comment):
            problems.append(f"{name}:{line}: ordered, and no label says by what")
        if "seq_cst" in orders and "S_" not in comment:
            problems.append(f"{name}:{line}: sequentially consistent without an S_ label")
    return problems


def problems_of_size(name: str, text: str) -> list[str]:
    """Return what is too long."""
    lines = text.split("\n")
    problems = [f"{name}: {len(lines) - 1} lines"] if len(lines) - 1 > MAX_FILE_LINES else []
    for match in BODY.finditer(text):
        length = match.group(1).count("\n")
        if length > MAX_FUNCTION_LINES:
            number = text.count("\n", 0, match.start()) + 1
            problems.append(f"{name}:{number}: a function of {length} lines")
    return problems


def read(paths: list[Path]) -> dict[str, str]:
    return {str(path.relative_to(CSRC)): path.read_text() for path in paths}


def test_every_atomic_operation_has_its_label_and_every_label_its_row():
    assert problems_of_orders(read(CORE)) == []


def test_every_acquire_has_its_release():
    """A table's row declares both at once; here is that both are used in the code."""
    labels = set()
    for text in read(CORE).values():
        for comment in lines_with_atomics(text).values():
            labels |= set(LABEL.findall(comment))
    names = {kind: {name for other, name in labels if other == kind} for kind in "ARS"}
    assert names["A"] == names["R"]
    assert not names["S"] & names["A"]


@pytest.mark.parametrize("path", [*CORE, *TESTS], ids=lambda path: path.name)
def test_files_and_functions_stay_short(path: Path):
    assert problems_of_size(path.name, path.read_text()) == []


@pytest.mark.parametrize("path", [path for path in CORE if path.stem != "fb_clock"], ids=lambda path: path.name)
def test_core_knows_no_clock_and_no_output(path: Path):
    code = without_comments(path.read_text())
    assert not re.search(r"<(?:stdio|time|errno)\.h>|\b(?:printf|clock_gettime|time|rand|getenv)\s*\(", code)


MUTATIONS = {
    "a misspelt label": ("fb_ring.c", "A_FREE: the consumer's", "A_FRED: the consumer's"),
    "a release whose label is gone": ("fb_ring.c", "/* R_FREE, R_SPENT: we are done", "/* We are done"),
    "a relaxed operation without its reason": ("fb_ring.c", "/* Relaxed: only compared;", "/* Only compared;"),
    "a relaxed operation without its comment": (
        "fb_budget.c",
        "/* Relaxed: a number, as in fb_budget_charge(). */\n    atomic_fetch_sub",
        "atomic_fetch_sub",
    ),
    "a weaker order under a strong label": (
        "fb_segment.c",
        "atomic_store_explicit(&record->word, FB_COMMITTED | message_length, memory_order_release)",
        "atomic_store_explicit(&record->word, FB_COMMITTED | message_length, memory_order_relaxed)",
    ),
    "a label that lost its row": ("fb_budget.h", "   R/A_REFUND released_bytes ", "   released_bytes "),
    "an implicit order": (
        "fb_core.c",
        "atomic_exchange_explicit(&core->waiting, true, memory_order_seq_cst)",
        "atomic_exchange(&core->waiting, true)",
    ),
    "a fence": (
        "fb_ring.c",
        "    const uint32_t finished = ring->index;",
        "    atomic_thread_fence(memory_order_seq_cst);",
    ),
    "volatile": ("fb_segment.h", "    bool drained;", "    volatile bool drained;"),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_the_lint_sees(mutation: tuple[str, str, str]):
    name, old, new = mutation
    files = read(CORE)
    assert old in files[name], "the core has changed: choose another place for this mutation"
    files[name] = files[name].replace(old, new, 1)
    assert problems_of_orders(files) != []


def test_the_lint_sees_what_is_too_long():
    statements = "    x();\n" * (MAX_FUNCTION_LINES + 1)
    assert problems_of_size("long.c", f"int\nlong_one(void)\n{{\n{statements}}}\n") != []
    assert problems_of_size("long.c", "\n" * (MAX_FILE_LINES + 1)) != []
