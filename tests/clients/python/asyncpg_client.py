"""asyncpg: its pool, transactions with its own block."""
import asyncio
import json
import sys

import asyncpg

from scenario import DATABASE_URL, POOLED, Report, steps


async def prepare_connection(connection):
    """JSON as Python's objects; asyncpg has it as text otherwise."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


async def call(connection, step):
    return [dict(row) for row in await connection.fetch(step.sql, *step.arguments())]


async def main():
    report = Report(
        "asyncpg",
        asyncpg.__version__,
        asyncpg.PostgresError,
        lambda error: (error.sqlstate, error.detail),
    )
    async with asyncpg.create_pool(
        DATABASE_URL,
        min_size=1,
        init=prepare_connection,
        # It prepares every statement and keeps it. Through a pooler for transactions it must not:
        # with 0 it parses each one anew, in the same transaction.
        statement_cache_size=0 if POOLED else 100,
    ) as pool:
        for step in steps():
            with report.step(step):
                if step.parts:
                    async with pool.acquire() as connection, connection.transaction():
                        for part in step.parts:
                            part.compare(await call(connection, part))
                        step.leave()
                else:
                    step.compare(await call(pool, step))
    return report.end()


sys.exit(asyncio.run(main()))
