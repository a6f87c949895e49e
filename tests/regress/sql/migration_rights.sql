-- Whoever may import reads with his own rights and search_path, and what he reads may have functions
-- in it: neither they nor those that they call get the owner's rights.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot CASCADE;
CREATE EXTENSION jackpot;
CREATE ROLE regress_mallory;
GRANT EXECUTE ON FUNCTION jackpot_import_table TO regress_mallory;
CREATE TABLE secret_things AS SELECT 'top secret' AS s;
CREATE TABLE leaked (who text, what text);
GRANT INSERT, SELECT ON leaked TO regress_mallory;
-- Somebody's function that is safe: it names its search_path.
CREATE SCHEMA trusted;
GRANT USAGE ON SCHEMA trusted TO regress_mallory;
CREATE FUNCTION trusted.helper() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
CREATE FUNCTION trusted.careful() RETURNS bigint SECURITY DEFINER SET search_path = trusted, pg_catalog, pg_temp LANGUAGE plpgsql AS $$ BEGIN RETURN helper() * 1000; END $$;
CREATE SCHEMA evil AUTHORIZATION regress_mallory;
SET SESSION AUTHORIZATION regress_mallory;
CREATE FUNCTION evil.helper() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.leaked SELECT current_user, (SELECT string_agg(s, ',') FROM public.secret_things s); RETURN 1; END $$;
-- His own operators, which what the owner does must not find.
CREATE FUNCTION evil.trap(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.leaked VALUES (current_user, 'operator'); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.trap);
CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.trap);
CREATE FUNCTION evil.escape() RETURNS bigint LANGUAGE sql AS $$ SELECT 1000 + length(set_config('search_path', 'evil, pg_catalog', false)) * 0 $$;
CREATE VIEW evil.calls AS SELECT 'm1' AS "group", trusted.careful() AS current_amount, 1 AS seed_amount, 0.1 AS contribution_rate;
CREATE VIEW evil.sets AS SELECT 'm2' AS "group", evil.escape() AS current_amount, 1 AS seed_amount, 0.1 AS contribution_rate;
CREATE VIEW evil.unqualified AS SELECT 'm3' AS "group", 5 AS current_amount, 1 AS seed_amount, 0.1 AS contribution_rate;
CREATE FUNCTION evil.own() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN mine(); END $$;
CREATE FUNCTION evil.mine() RETURNS integer LANGUAGE sql AS 'SELECT 7';
CREATE VIEW evil.by_path AS SELECT 'm4' AS "group", evil.own() AS current_amount, 1 AS seed_amount, 0.1 AS contribution_rate;
SET search_path = evil, public;
SELECT step, status FROM jackpot_import_table('evil.calls') WHERE step = 'pools';
SELECT step, status FROM jackpot_import_table('evil.sets') WHERE step = 'pools';
SHOW search_path;
SELECT step, status FROM jackpot_import_table('unqualified') WHERE step = 'pools';
-- His functions find what he would.
SELECT step, status FROM jackpot_import_table('by_path', dry_run => true) WHERE step = 'pools';
SELECT step, status FROM jackpot_import_table('by_path') WHERE step = 'pools';
RESET SESSION AUTHORIZATION;
RESET search_path;
SELECT * FROM leaked;
SELECT pool, current_amount FROM jackpot_pools();
DROP SCHEMA evil, trusted CASCADE;
DROP TABLE leaked, secret_things;
DROP OWNED BY regress_mallory;
DROP ROLE regress_mallory;
