"""the extension, and the application's tables"""
from alembic import op
import sqlalchemy as sa

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE EXTENSION jackpot")
    op.execute("SELECT jackpot_create_pool('minor', 0.01, 10000)")
    op.create_table(
        "player",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
    )
    op.execute("CREATE SCHEMA casino")
    op.create_table(
        "bet",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("player_id", sa.BigInteger, sa.ForeignKey("player.id"), nullable=False),
        sa.Column("wager", sa.BigInteger, nullable=False),
        schema="casino",
    )


def downgrade():
    op.execute("DROP SCHEMA casino CASCADE")
    op.drop_table("player")
    op.execute("DROP EXTENSION jackpot")
