"""Alembic's environment, with the one setting that an application with jackpot needs: include_name."""
from alembic import context
from sqlalchemy import create_engine, pool

from models import Base


def include_name(name, kind, parents):
    """All of the extension's relations are in its own schema: do not even look there."""
    return not (kind == "schema" and name == "jackpot")


# Only the test asks for less: -x include_schemas=no, -x include_name=no.
asked = context.get_x_argument(as_dictionary=True)
settings = {
    "include_schemas": asked.get("include_schemas") != "no",
    "include_name": include_name if asked.get("include_name") != "no" else None,
}

# The server and database are in libpq's variables: PGHOST, PGPORT, PGUSER, PGDATABASE.
engine = create_engine("postgresql+psycopg://", poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, **settings)
    with context.begin_transaction():
        context.run_migrations()
