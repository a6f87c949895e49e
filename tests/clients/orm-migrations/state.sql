-- All that the extension is and has: a tool that drops, makes anew or alters any of it changes these lines.
SET search_path = pg_catalog;
SET timezone = 'UTC';

SELECT 'extension', oid, extname, extversion, extnamespace::regnamespace FROM pg_extension WHERE extname = 'jackpot';

SELECT 'member', classid::regclass, objid, pg_describe_object(classid, objid, objsubid)
  FROM pg_depend WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'jackpot')
 ORDER BY classid, objid;

SELECT 'relation', c.oid, c.oid::regclass, relkind, relowner::regrole, relacl, relrowsecurity, reloptions, relispartition,
       pg_get_expr(relpartbound, c.oid), obj_description(c.oid, 'pg_class'), md5(pg_get_viewdef(c.oid))
  FROM pg_class c WHERE relnamespace = 'jackpot'::regnamespace ORDER BY c.oid::regclass::text;

SELECT 'column', attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attacl,
       pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
  FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
 WHERE relnamespace = 'jackpot'::regnamespace AND attnum > 0 ORDER BY attrelid::regclass::text, attnum;

SELECT 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'jackpot'::regnamespace ORDER BY conrelid::regclass::text, conname;

SELECT 'index', pg_get_indexdef(indexrelid)
  FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relnamespace = 'jackpot'::regnamespace ORDER BY 2;

SELECT 'trigger', tgrelid::regclass, pg_get_triggerdef(t.oid)
  FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'jackpot'::regnamespace ORDER BY 2, 3;

SELECT 'function', p.oid::regprocedure, proowner::regrole, proacl, md5(pg_get_functiondef(p.oid)), obj_description(p.oid, 'pg_proc')
  FROM pg_proc p JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
 WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'jackpot') ORDER BY p.oid::regprocedure::text;

SELECT 'sequence', sequencename, last_value FROM pg_sequences WHERE schemaname = 'jackpot' ORDER BY 2;

\pset fieldsep ' '
SELECT 'rows', c.oid::regclass, n.*
  FROM pg_class c,
       XMLTABLE('/table/row' PASSING query_to_xml(format(
           'SELECT count(*) AS n, md5(string_agg(t::text, chr(10) ORDER BY t::text)) AS md5 FROM %s t', c.oid::regclass), true, false, '')
           COLUMNS n bigint PATH 'n', md5 text PATH 'md5') n
 WHERE relnamespace = 'jackpot'::regnamespace AND relkind IN ('r', 'p') ORDER BY c.oid::regclass::text;
