"""The scenario's steps, with values of Python's own types, and the report of how they went."""
import json
import os
from contextlib import contextmanager
from decimal import Decimal

POOLED = os.environ["POOLED"] == "yes"
DATABASE_URL = os.environ["DATABASE_URL"]

# Whether the driver prepared what it sent: always, but through a pooler for transactions never.
PREPARED = {
    "name": "prepared statements are used" if not POOLED else "no prepared statements are left behind",
    "sql": "SELECT count(*) > 0 AS prepared FROM pg_prepared_statements WHERE statement LIKE $1",
    "parameters": [{"type": "text", "value": "% jackpot_contribute(%"}],
    "rows": [{"prepared": "false" if POOLED else "true"}],
}

NATIVE = {
    "text": str,
    "bool": bool,
    "int4": int,
    "int8": int,
    "numeric": Decimal,
    "jsonb": lambda value: value,
    "text[]": list,
    "int8[]": lambda values: [int(value) for value in values],
}


class Different(Exception):
    """The rows are not the expected ones."""


class RollBack(Exception):
    """Leaves a transaction that is to be rolled back."""


class Step:
    def __init__(self, step):
        self.name = step["name"]
        self.sql = step.get("sql")
        self.parameters = step.get("parameters", [])
        self.rows = step.get("rows")
        self.parts = [Step(part) for part in step.get("transaction", [])]
        self.end = step.get("end")
        self.error = step.get("error") or (self.parts[-1].error if self.parts else None)

    def arguments(self, jsonb=NATIVE["jsonb"]):
        native = NATIVE | {"jsonb": jsonb}
        return [
            None if parameter["value"] is None else native[parameter["type"]](parameter["value"])
            for parameter in self.parameters
        ]

    def compare(self, rows):
        """Rows that the client returned, as dictionaries."""
        if self.error:
            raise Different(f"{self.name}: no error")
        if not same(self.rows, rows):
            raise Different(f"{self.name}: {rows} instead of {self.rows}")

    def leave(self):
        """To be called last in a transaction."""
        if self.end == "rollback":
            raise RollBack


def same(expected, value):
    if isinstance(expected, str):
        return text(value) == expected
    if isinstance(expected, list):
        return isinstance(value, list) and len(value) == len(expected) and all(map(same, expected, value))
    if isinstance(expected, dict):
        return isinstance(value, dict) and value.keys() == expected.keys() and all(
            same(expected[key], value[key]) for key in expected
        )
    return type(value) is type(expected) and value == expected


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    # A float is never exact money, however it is written.
    return str(value) if isinstance(value, (int, str)) else None


class Report:
    """`failure` takes an exception of the driver apart into SQLSTATE and DETAIL."""

    def __init__(self, client, version, error, failure):
        self.error, self.failure = error, failure
        self.passed = self.failed = 0
        print(f"client: {client} {version}")

    @contextmanager
    def step(self, step):
        why = None
        try:
            yield
            if step.error or step.end == "rollback":
                why = "came to its end"
        except RollBack:
            why = "no error" if step.error else None
        except Different as different:
            why = str(different).removeprefix(f"{step.name}: ")
        except self.error as error:
            sqlstate, detail = self.failure(error)
            token = (detail or "").split(":")[0]
            if step.error != {"sqlstate": sqlstate, "token": token}:
                why = f"{sqlstate} {error} {detail}"
        except Exception as error:
            why = repr(error)
        self.passed += why is None
        self.failed += why is not None
        line = f"ok - {step.name}" if why is None else f"not ok - {step.name}: {why}"
        print(" ".join(line.split())[:500], flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return int(self.failed > 0)


def steps():
    with open(os.environ["SCENARIO"], encoding="utf-8") as file:
        return [Step(step) for step in json.load(file) + [PREPARED]]
