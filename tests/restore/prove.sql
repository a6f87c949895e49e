-- 'ok', or what is wrong: the extension's own proof, wins that do not verify or saw other rows than
-- those of their cycles, and ids that were given twice.
WITH gained AS MATERIALIZED (
    SELECT p.id AS pool_id, h.cycle, sum(h.amount) AS amount,
           sum(l.display_remainders[array_position(l.pool_ids, p.id)]) AS remainder
      FROM jackpot.pool p
     CROSS JOIN jackpot_history(p.pool, kinds => '{contribution, void}', max_rows => 1000000) h
      JOIN jackpot.ledger l ON l.id = h.id
     WHERE h.wager_amount IS NOT NULL
     GROUP BY p.id, h.cycle),
wrong AS (
    SELECT check_name || ' ' || detail AS what FROM jackpot_validate() WHERE ok IS NOT true
    UNION ALL
    SELECT format('win %s does not verify: %s', w.id, v.detail) FROM jackpot.win w, jackpot_verify_win(w.id) v WHERE NOT v.ok
    UNION ALL
    SELECT format('win in %s of cycle %s saw %s, in these cycles stand %s', p.pool, w.cycle, s.seen, s.there)
      FROM jackpot.journal w
      JOIN jackpot.pool p ON p.id = w.pool_id
     CROSS JOIN LATERAL (
           SELECT (w.before ->> 'meter')::numeric AS seen,
                  coalesce((SELECT sum(g.amount) + floor(coalesce(sum(g.remainder), 0) / 10000000000) * 0.000001
                              FROM gained g WHERE g.pool_id = w.pool_id AND g.cycle <= w.cycle), 0)
                + (SELECT sum(j.display) * 0.000001 FROM jackpot.journal j WHERE j.pool_id = p.id AND j.id < w.id) AS there) s
     WHERE w.kind = 'win' AND s.seen IS DISTINCT FROM s.there
    UNION ALL
    SELECT format('ledger id %s stands %s times', id, count(*)) FROM jackpot.ledger GROUP BY id HAVING count(*) > 1
    UNION ALL
    SELECT 'there are no pools' WHERE NOT EXISTS (SELECT FROM jackpot.pool))
SELECT coalesce(string_agg(what, E'\n'), 'ok') FROM wrong;
