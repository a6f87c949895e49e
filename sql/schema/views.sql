-- Views for people and for the queries of the old service.

CREATE VIEW jackpot.jackpots AS
SELECT p.pool AS "group",
       p.current_amount,
       p.seed_amount,
       p.max_amount,
       p.contribution_rate,
       p.total_contributions,
       p.total_wins,
       p.version,
       p.lock_holder,
       p.last_modified_at
  FROM @extschema@.jackpot_pools() p;
