-- The inbox: wagers that come in by COPY or INSERT and are applied in the order of their ids.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, reserve_rate => 0.005);
SELECT pool FROM jackpot_create_pool('major', 0.02, 1000);
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, config => '{"game_ids": ["s"], "trigger": {"kind": "odds", "one_in": 1000}}');
CREATE VIEW amounts AS
SELECT pool, current_amount, reserve_amount, total_contributions, total_wagered, total_contributed, total_won, cycle FROM jackpot_pools();
CREATE VIEW rows AS
SELECT l.operation_id, l.game_id, l.wager_amount, l.user_id, l.operator_id, l.game_category, l.currency, l.metadata, l.display
  FROM jackpot.ledger l ORDER BY l.id;
-- The letters of now; they are thrown away once seen.
CREATE VIEW letters AS
SELECT d.source, d.kind, d.payload, d.sqlstate, d.token, d.message, d.detail FROM jackpot.dead_letter d ORDER BY d.id;

-- Nothing is there.
SELECT * FROM jackpot_process_inbox();
-- What comes in is not applied, and not even looked at.
COPY jackpot.inbox (game_id, wager_amount, user_id, operation_id, pools, operator_id, game_category, currency, metadata) FROM STDIN;
a	1001	ann	op 1	{minor}	acme	slots	EUR	{"round": 7}
b	2050	\N	\N	\N	\N	\N	\N	\N
c	0	cat	op 3	{}	\N	\N	\N	[]
\.
COPY jackpot.inbox (kind, game_id, wager_amount, operation_id) FROM STDIN (FORMAT csv);
contribute,g,300,op 4
spin,s,1000,spin 1
spin,s,0,
\.
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('i', 500), ('i', 600);
SELECT count(*) FROM rows;
SELECT current_amount FROM jackpot_pool('minor');
SELECT * FROM jackpot_process_inbox();
TABLE rows;
TABLE amounts;
TABLE jackpot.inbox;
TABLE letters;
SELECT * FROM jackpot_process_inbox();
-- Each is an operation of its own, which a call repeats, and which a row repeats.
SELECT pool, contribution, current_amount, replayed FROM jackpot_contribute('a', 1001, 'ann', 'op 1', '{minor}', 'acme', 'slots', 'EUR', '{"round": 7}');
SELECT pool, won, win_amount, replayed FROM jackpot_spin('s', 1000, operation_id => 'spin 1');
SELECT pool, contribution FROM jackpot_contribute('g', 100, operation_id => 'call');
INSERT INTO jackpot.inbox (kind, game_id, wager_amount, operation_id) VALUES
    ('contribute', 'g', 100, 'call'), ('spin', 's', 1000, 'spin 1'), ('contribute', 'g', 700, 'new'), ('contribute', 'g', 700, 'new'), ('contribute', 'g', 701, 'new');
SELECT * FROM jackpot_process_inbox();
SELECT kind, payload, sqlstate, token FROM letters;
TRUNCATE jackpot.dead_letter;

-- What cannot be applied is kept as it came, with the reason, and holds up nobody.
SELECT status FROM jackpot_pause('major');
COPY jackpot.inbox (kind, game_id, wager_amount, user_id, operation_id, pools, operator_id, game_category, currency, metadata) FROM STDIN;
contribute	g	100	\N	good 1	{minor}	\N	\N	\N	\N
\N	g	1	\N	\N	\N	\N	\N	\N	\N
win	g	1	\N	\N	\N	\N	\N	\N	\N
Spin	g	1	\N	\N	\N	\N	\N	\N	\N
contribute	\N	1	ann	x 1	\N	acme	slots	EUR	{"round": 7, "a": null}
contribute		1	\N	\N	\N	\N	\N	\N	null
contribute	g	\N	\N	\N	\N	\N	\N	\N	\N
contribute	g	-1	\N	\N	\N	\N	\N	\N	\N
spin	g	9223372036854775807	\N	x 2	\N	\N	\N	\N	\N
contribute	g	1	\N		\N	\N	\N	\N	\N
contribute	g	1	\N	\N	{minor,nosuch}	\N	\N	\N	\N
contribute	g	1	\N	\N	{minor,NULL}	\N	\N	\N	\N
contribute	g	1	\N	\N	{major}	\N	\N	\N	\N
contribute	g	1	\N	\N	\N	\N	\N	a currency of many letters	\N
contribute	g	1	\N	op 1	\N	\N	\N	\N	\N
contribute	g	200	\N	good 2	{minor}	\N	\N	\N	\N
\.
SELECT * FROM jackpot_process_inbox();
TABLE letters;
SELECT count(*), count(DISTINCT id) AS numbers FROM jackpot.dead_letter;
SELECT count(*) FROM jackpot.inbox;
SELECT operation_id, wager_amount FROM rows WHERE operation_id LIKE 'good%';
SELECT status FROM jackpot_resume('major');
TRUNCATE jackpot.dead_letter;

-- So many rows at most, in the order of their ids, whatever the order of their coming.
INSERT INTO jackpot.inbox (id, game_id, wager_amount, user_id) SELECT n, 'order', n, 'u' FROM generate_series(1005, 1001, -1) n;
INSERT INTO jackpot.inbox (id, game_id, wager_amount) VALUES (1003000, 'order', 7);
SELECT * FROM jackpot_process_inbox(2);
SELECT wager_amount FROM rows WHERE game_id = 'order';
SELECT id FROM jackpot.inbox ORDER BY id;
SELECT total, processed FROM jackpot_process_inbox(max_rows => 1);
SELECT total, processed FROM jackpot_process_inbox(100);
SELECT wager_amount FROM rows WHERE game_id = 'order';
SELECT * FROM jackpot_process_inbox(0);
SELECT * FROM jackpot_process_inbox(-1);
SELECT * FROM jackpot_process_inbox(NULL);
INSERT INTO jackpot.inbox (id, game_id, wager_amount) VALUES (0, 'low', 1), (-5, 'low', 2);
SELECT total, processed FROM jackpot_process_inbox();
SELECT wager_amount FROM rows WHERE game_id = 'low';
-- Order decides who is paid what.
INSERT INTO jackpot.inbox (kind, game_id, wager_amount, pools, operation_id) VALUES
    ('contribute', 's', 5000, '{odds}', 'w 1'), ('spin', 's', 1000, '{odds}', 'w 2'), ('contribute', 's', 2000, '{odds}', 'w 3'), ('spin', 's', 3000, '{odds}', 'w 4');
SELECT * FROM jackpot_process_inbox();
SELECT kind, cycle, amount, operation_id FROM jackpot_history('odds', kinds => '{contribution,win}') WHERE operation_id LIKE 'w%' ORDER BY cycle, kind, id;
-- More than are taken at a time, with some that are refused.
INSERT INTO jackpot.inbox (game_id, wager_amount, pools, operation_id)
SELECT 'many', CASE WHEN n % 1000 = 0 THEN -n ELSE n END, '{minor}', CASE WHEN n % 2 = 0 THEN 'many ' || n % 11000 END FROM generate_series(1, 12000) n;
SELECT * FROM jackpot_process_inbox(7000);
SELECT count(*), sum(wager_amount) FROM rows WHERE game_id = 'many';
SELECT count(*) FROM jackpot.inbox;
SELECT * FROM jackpot_process_inbox();
SELECT count(*), sum(wager_amount) FROM rows WHERE game_id = 'many';
SELECT token, count(*) FROM letters GROUP BY token ORDER BY token;
TRUNCATE jackpot.dead_letter;

-- Undone, the rows are there again, and the ids free.
INSERT INTO jackpot.inbox (game_id, wager_amount, operation_id) VALUES ('undone', 1000, 'u 1'), ('undone', -1, 'u 2');
TABLE amounts;
BEGIN;
SELECT * FROM jackpot_process_inbox();
SELECT count(*) FROM jackpot.inbox;
ROLLBACK;
BEGIN;
SAVEPOINT undone;
SELECT total, processed, failed FROM jackpot_process_inbox(1);
SELECT total, processed, failed FROM jackpot_process_inbox(1);
SELECT current_amount FROM jackpot_pool('minor');
ROLLBACK TO undone;
SELECT current_amount FROM jackpot_pool('minor');
SELECT count(*) FROM jackpot.inbox;
SELECT total, processed, failed FROM jackpot_process_inbox(1);
COMMIT;
SELECT game_id, wager_amount, operation_id FROM jackpot.inbox;
SELECT count(*) FROM letters;
-- What the transaction itself puts in is applied with it.
BEGIN;
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('own', 1000);
SELECT total, processed, failed FROM jackpot_process_inbox();
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('own', 2000);
SELECT total, processed, failed FROM jackpot_process_inbox();
SELECT current_amount FROM jackpot_pool('minor');
ROLLBACK;
SELECT total, processed, failed FROM jackpot_process_inbox();
TABLE amounts;
TRUNCATE jackpot.dead_letter;

-- Cut short in the middle, nothing is done: by whatever fails, a time limit, and a cancellation.
CREATE FUNCTION cut_short() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE NEW.payload ->> 'user_id'
        WHEN 'slow' THEN PERFORM pg_sleep(600);
        WHEN 'cancelled' THEN PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(600);
        ELSE RAISE EXCEPTION 'no letters today';
    END CASE;
    RETURN NEW;
END $$;
CREATE TRIGGER cut_short BEFORE INSERT ON jackpot.dead_letter FOR EACH ROW EXECUTE FUNCTION cut_short();
CREATE TEMP TABLE before AS SELECT (SELECT count(*) FROM jackpot.ledger) AS ledger, (SELECT count(*) FROM jackpot.operation) AS operations,
    (SELECT count(*) FROM jackpot.win) AS wins, (SELECT count(*) FROM jackpot.journal) AS journal, (SELECT sum(total_contributed) FROM jackpot_pools()) AS contributed;
INSERT INTO jackpot.inbox (kind, game_id, wager_amount, operation_id, user_id) VALUES ('contribute', 'cut', 100, 'cut 1', NULL), ('spin', 's', 1000, 'cut 2', NULL), ('contribute', 'cut', -1, 'cut 3', 'failed');
\set VERBOSITY terse
SELECT total FROM jackpot_process_inbox();
SELECT count(*) FROM jackpot.inbox;
UPDATE jackpot.inbox SET user_id = 'slow' WHERE user_id = 'failed';
SET statement_timeout = '500ms';
SELECT total FROM jackpot_process_inbox();
RESET statement_timeout;
SELECT count(*) FROM jackpot.inbox;
UPDATE jackpot.inbox SET user_id = 'cancelled' WHERE user_id = 'slow';
SELECT total FROM jackpot_process_inbox();
SELECT count(*) FROM jackpot.inbox;
\set VERBOSITY default
TABLE before EXCEPT SELECT (SELECT count(*) FROM jackpot.ledger), (SELECT count(*) FROM jackpot.operation),
    (SELECT count(*) FROM jackpot.win), (SELECT count(*) FROM jackpot.journal), (SELECT sum(total_contributed) FROM jackpot_pools());
DROP TRIGGER cut_short ON jackpot.dead_letter;
SELECT * FROM jackpot_process_inbox();
SELECT token, count(*) FROM letters GROUP BY token;

-- At the other isolation levels.
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('level', 1000), ('level', 2000);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT total, processed, total_contribution FROM jackpot_process_inbox(1);
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT total, processed, total_contribution FROM jackpot_process_inbox(1);
COMMIT;

SELECT count(*) FROM jackpot.inbox;
TABLE amounts;
SELECT bool_and(v.ok) FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW amounts, rows, letters;
DROP FUNCTION cut_short;
