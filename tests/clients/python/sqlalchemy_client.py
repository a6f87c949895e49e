"""SQLAlchemy on psycopg 3: textual SQL in sessions, each a transaction."""
import re
import sys

import psycopg
import sqlalchemy
from sqlalchemy import ARRAY, BigInteger, Boolean, Integer, Numeric, Text, bindparam, make_url, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import sessionmaker

from scenario import DATABASE_URL, POOLED, Report, steps

engine = sqlalchemy.create_engine(
    make_url(DATABASE_URL).set(drivername="postgresql+psycopg"),
    # psycopg's own: 0 prepares each statement the first time, None (through a pooler) never does.
    connect_args={"prepare_threshold": None if POOLED else 0},
)
Session = sessionmaker(engine)

# With a type SQLAlchemy sends the cast along.
TYPES = {
    "text": Text(),
    "bool": Boolean(),
    "int4": Integer(),
    "int8": BigInteger(),
    "numeric": Numeric(),
    # A JSON null and a NULL are two things; None is the latter here.
    "jsonb": JSONB(none_as_null=True),
    "text[]": ARRAY(Text()),
    "int8[]": ARRAY(BigInteger()),
}


def call(session, step):
    parameters = [
        bindparam(f"p{number}", value, TYPES[parameter["type"]])
        for number, (parameter, value) in enumerate(zip(step.parameters, step.arguments()), 1)
    ]
    # Before a cast text() sees a parameter only in parentheses.
    statement = text(re.sub(r"\$(\d+)", r"(:p\1)", step.sql)).bindparams(*parameters)
    return [dict(row) for row in session.execute(statement).mappings()]


report = Report(
    "sqlalchemy",
    f"{sqlalchemy.__version__} on psycopg {psycopg.__version__}",
    sqlalchemy.exc.DBAPIError,
    lambda error: (error.orig.sqlstate, error.orig.diag.message_detail),
)
for step in steps():
    with report.step(step), Session.begin() as session:
        for part in step.parts or [step]:
            part.compare(call(session, part))
        step.leave()
engine.dispose()
sys.exit(report.end())
