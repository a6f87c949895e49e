"""psycopg 3: one connection in autocommit mode, transactions with its own block."""
import sys

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from scenario import DATABASE_URL, POOLED, Report, steps

connection = psycopg.connect(
    DATABASE_URL,
    autocommit=True,
    row_factory=dict_row,
    # The parameters are PostgreSQL's $1, $2 with it, else they are %s.
    cursor_factory=psycopg.RawCursor,
    # 0 prepares each statement the first time, None never does: a server connection that is another
    # one in the next transaction does not know it.
    prepare_threshold=None if POOLED else 0,
)


def call(step):
    return connection.execute(step.sql, step.arguments(Jsonb)).fetchall()


report = Report(
    "psycopg",
    psycopg.__version__,
    psycopg.Error,
    lambda error: (error.sqlstate, error.diag.message_detail),
)
with connection:
    for step in steps():
        with report.step(step):
            if step.parts:
                with connection.transaction():
                    for part in step.parts:
                        part.compare(call(part))
                    step.leave()
            else:
                step.compare(call(step))
sys.exit(report.end())
