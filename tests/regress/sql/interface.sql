-- What the extension offers, as a whole: a change of the interface shows here.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset format unaligned

-- Its members, as far as they are not made by others of them.
CREATE TEMP VIEW member AS
SELECT d.classid, d.objid
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'jackpot'
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';

SELECT p.oid::regproc AS function, pg_get_function_arguments(p.oid) AS arguments,
       pg_get_function_result(p.oid) AS result,
       CASE p.provolatile WHEN 'v' THEN 'volatile' WHEN 's' THEN 'stable' ELSE 'immutable' END AS volatility,
       CASE p.proparallel WHEN 'u' THEN 'unsafe' WHEN 'r' THEN 'restricted' ELSE 'safe' END AS parallel,
       p.prosecdef AS definer, p.proconfig AS settings
  FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 ORDER BY p.oid::regproc::text COLLATE "C";

SELECT c.oid::regclass AS relation,
       CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END AS kind
  FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
 ORDER BY c.oid::regclass::text COLLATE "C";

-- No overloads.
SELECT p.proname, count(*)
  FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 GROUP BY p.proname HAVING count(*) > 1;

-- Every object says what it is: nothing is listed here.
SELECT pg_describe_object(m.classid, m.objid, 0) AS without_comment
  FROM member m
 WHERE m.classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_namespace'::regclass)
   AND obj_description(m.objid, m.classid::regclass::name) IS NULL;

-- Nobody but the owner may do anything: nothing is listed here.
SELECT p.oid::regproc AS public_may_call
  FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 WHERE has_function_privilege('public', p.oid, 'EXECUTE');
SELECT c.oid::regclass AS public_may_use
  FROM pg_class c
 WHERE c.relnamespace = 'jackpot'::regnamespace
   AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('public', c.oid, 'USAGE, SELECT, UPDATE')
            WHEN c.relkind IN ('r', 'p', 'v')
            THEN has_any_column_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
              OR has_table_privilege('public', c.oid, 'DELETE, TRUNCATE, TRIGGER') END;
SELECT has_schema_privilege('public', 'jackpot', 'USAGE') AS public_may_look_inside;

-- What a dump must carry: every table and sequence, without conditions.
SELECT t.relation::regclass, t.condition
  FROM pg_extension, unnest(extconfig, extcondition) AS t(relation, condition)
 WHERE extname = 'jackpot'
 ORDER BY t.relation::regclass::text COLLATE "C";

LOAD 'jackpot';
SELECT name, setting, unit, min_val, max_val, context FROM pg_settings WHERE name LIKE 'jackpot.%'
 ORDER BY name COLLATE "C";
SET jackpot.no_such_setting = 1;
