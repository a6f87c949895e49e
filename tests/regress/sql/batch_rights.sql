-- Batches need the right to call them, the inbox the right to insert into it, and nothing else.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\set VERBOSITY terse
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100);
DROP ROLE IF EXISTS regress_jackpot_player, regress_jackpot_sender;
CREATE ROLE regress_jackpot_player;
CREATE ROLE regress_jackpot_sender;

-- Nobody may from the start.
SET ROLE regress_jackpot_player;
SELECT total FROM jackpot_contribute_arrays('{g}', '{1}');
SELECT total FROM jackpot_spin_arrays('{g}', '{1}');
SELECT total FROM jackpot_contribute_batch('[]');
SELECT total FROM jackpot_win_batch('[]');
SELECT total FROM jackpot_process_inbox();
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('g', 1);
SELECT * FROM jackpot.dead_letter;
RESET ROLE;

-- Who may call may do nothing else.
GRANT EXECUTE ON FUNCTION jackpot_contribute_arrays, jackpot_spin_arrays, jackpot_contribute_batch, jackpot_win_batch, jackpot_process_inbox TO regress_jackpot_player;
-- Who may send in needs the schema, the table and its sequence, and may not look at what is there.
GRANT USAGE ON SCHEMA jackpot TO regress_jackpot_sender;
GRANT INSERT ON jackpot.inbox TO regress_jackpot_sender;
SET ROLE regress_jackpot_sender;
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('g', 1);
RESET ROLE;
GRANT USAGE ON SEQUENCE jackpot.inbox_id_seq TO regress_jackpot_sender;
SET ROLE regress_jackpot_sender;
INSERT INTO jackpot.inbox (game_id, wager_amount, operation_id) VALUES ('g', 300, 'sent 1');
COPY jackpot.inbox (game_id, wager_amount, operation_id) FROM STDIN;
g	400	sent 2
g	-1	sent 3
\.
SELECT * FROM jackpot.inbox;
DELETE FROM jackpot.inbox;
UPDATE jackpot.inbox SET wager_amount = 1;
SELECT * FROM jackpot.dead_letter;
SELECT total FROM jackpot_process_inbox();
RESET ROLE;

SET ROLE regress_jackpot_player;
SELECT total, processed, total_contribution FROM jackpot_contribute_arrays('{g,g}', '{100,200}', operation_ids => '{a,b}');
SELECT total, processed, replayed FROM jackpot_contribute_arrays('{g,g}', '{100,200}', operation_ids => '{a,b}');
SELECT total, processed, total_contribution FROM jackpot_spin_arrays('{g,g}', '{100,200}', operation_ids => '{c,d}');
SELECT total, processed, total_contribution FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 100, "operation_id": "e"}, {"game_id": "g", "wager_amount": 100}]');
SELECT total, processed, total_won FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "ann", "win_amount": 1, "operation_id": "f"}]');
SELECT total, processed, failed, total_contribution FROM jackpot_process_inbox();
-- The rights are the owner's for the time of the call alone, also when it fails.
SELECT current_user;
SELECT total FROM jackpot_contribute_arrays('{g}', '{-1}', on_error => 'abort');
SELECT current_user;
SELECT current_setting('search_path') = '"$user", public' AS same_path;
SELECT win_amount FROM jackpot_win('minor', 'g', 'me');
SELECT pool FROM jackpot_contribute('g', 1);
SELECT * FROM jackpot.inbox;
SELECT * FROM jackpot.dead_letter;
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('g', 1);
RESET ROLE;
-- Who won it for whom is on record, not whose rights did it.
SELECT split_part(actor, '/', 1) AS role, actor ~ '/win$' AS win FROM jackpot.win;
SELECT operation_id, wager_amount FROM jackpot.ledger WHERE operation_id LIKE 'sent%' ORDER BY id;
SELECT payload ->> 'operation_id' AS operation_id, token FROM jackpot.dead_letter;

SET client_min_messages = error;
DROP OWNED BY regress_jackpot_player, regress_jackpot_sender CASCADE;
DROP ROLE regress_jackpot_player, regress_jackpot_sender;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
