-- Whether the database's objects are as the install script made them. What it made is not listed
-- here: the script's last step keeps the catalog's own description of it.

-- Members of the extension and partitions of the ledger, as they are now. Left out is what may
-- differ: owners, privileges, comments, statistics targets, storage and names of indexes and
-- constraints. What the catalog puts into words depends on settings, which are therefore set.
CREATE FUNCTION jackpot.present_schema(is_with_partitions boolean DEFAULT true)
RETURNS TABLE (kind text, object text, definition text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET jit = off
SET quote_all_identifiers = off SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres'
AS $$
    WITH extension AS (
        SELECT e.oid, e.extconfig, e.extcondition FROM pg_extension e WHERE e.extname = 'jackpot'),
    member AS MATERIALIZED (
        SELECT d.classid, d.objid
          FROM extension e
          JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'),
    relation AS MATERIALIZED (
        SELECT c.oid, c.oid::regclass::text AS name, c.relkind, c.relpersistence, c.relrowsecurity,
               c.relforcerowsecurity, c.reloptions, m.objid IS NOT NULL AS is_member
          FROM pg_class c
          LEFT JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
          LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = to_regclass('jackpot.ledger')
         WHERE m.objid IS NOT NULL OR i.inhparent IS NOT NULL AND is_with_partitions)
    SELECT 'table', r.name,
           concat_ws(', ', CASE r.relkind WHEN 'f' THEN 'foreign' END,
                     CASE r.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'logged' END,
                     CASE WHEN r.relrowsecurity THEN 'row security' END,
                     CASE WHEN r.relforcerowsecurity THEN 'row security for its owner' END,
                     'partitioned by ' || pg_get_partkeydef(r.oid),
                     (SELECT string_agg('partition of ' || i.inhparent::regclass, ', ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = r.oid))
      FROM relation r WHERE r.relkind IN ('r', 'p', 'f')
    UNION ALL
    -- Without names given inside of it: pg_upgrade writes down some that nobody gave.
    SELECT 'view', r.name, md5(concat_ws(' ', regexp_replace(pg_get_viewdef(r.oid), ' AS ("[^"]*"|\w+)', '', 'g'), r.reloptions))
      FROM relation r WHERE r.relkind = 'v'
    UNION ALL
    SELECT 'sequence', r.name,
           concat_ws(' ', s.seqtypid::regtype, 'from', s.seqmin, 'to', s.seqmax, 'start', s.seqstart, 'by', s.seqincrement,
                     'cache', s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END)
      FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
    UNION ALL
    -- What a dump does not carry is lost.
    SELECT 'dump of', t.relation::regclass::text, t.condition
      FROM extension e, unnest(e.extconfig, e.extcondition) AS t(relation, condition)
    UNION ALL
    SELECT 'column', concat_ws('.', r.name, quote_ident(a.attname)),
           concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                     (SELECT 'COLLATE ' || c.oid::regcollation FROM pg_collation c JOIN pg_type t ON t.oid = a.atttypid
                       WHERE c.oid = a.attcollation AND c.oid <> t.typcollation),
                     CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                     'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
                     CASE WHEN a.attidentity <> '' THEN 'IDENTITY' WHEN a.attgenerated <> '' THEN 'GENERATED' END)
      FROM relation r
      JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE r.relkind IN ('r', 'p', 'f', 'v')
    UNION ALL
    -- Two that are alike are one.
    SELECT 'index', concat_ws(' ', r.name, d.definition), CASE WHEN bool_or(i.indisvalid AND i.indisready) THEN 'valid' ELSE 'invalid' END
      FROM relation r
      JOIN pg_index i ON i.indrelid = r.oid
     CROSS JOIN LATERAL (SELECT CASE WHEN i.indisunique THEN 'unique ' ELSE '' END
                             || regexp_replace(substring(pg_get_indexdef(i.indexrelid) FROM ' USING (.*)$'), ' WITH \([^)]*\)', '')) AS d(definition)
     GROUP BY r.name, d.definition
    UNION ALL
    SELECT 'constraint', concat_ws(' ', r.name, d.definition), CASE WHEN bool_or(c.convalidated) THEN 'valid' ELSE 'not valid' END
      FROM relation r
      JOIN pg_constraint c ON c.conrelid = r.oid AND c.contype IN ('p', 'u', 'x', 'f', 'c')
     CROSS JOIN LATERAL (SELECT regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '')) AS d(definition)
     -- What a partition must be like to be attached quickly is nobody's harm.
     WHERE r.is_member OR c.contype <> 'c'
     GROUP BY r.name, d.definition
    UNION ALL
    SELECT CASE WHEN t.tgisinternal THEN 'disabled trigger' ELSE 'trigger' END,
           concat_ws(' ', r.name, CASE WHEN t.tgisinternal THEN c.conname ELSE t.tgname END), ''
      FROM relation r
      JOIN pg_trigger t ON t.tgrelid = r.oid AND (NOT t.tgisinternal OR t.tgenabled <> 'O')
      LEFT JOIN pg_constraint c ON c.oid = t.tgconstraint
     GROUP BY 1, 2
    UNION ALL
    SELECT 'rule', concat_ws(' ', r.name, w.rulename), ''
      FROM relation r JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'policy', concat_ws(' ', r.name, p.polname), ''
      FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text,
           md5(concat_ws(' ', l.lanname, p.prokind, p.provolatile, p.proparallel, p.proisstrict, p.prosecdef, p.proretset,
                         pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.proconfig,
                         p.probin, p.prosrc, pg_get_function_sqlbody(p.oid)))
      FROM member m
      JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
      JOIN pg_language l ON l.oid = p.prolang
     -- It cannot hold its own description.
     WHERE p.oid IS DISTINCT FROM to_regprocedure('jackpot.expected_schema()')
    UNION ALL
    SELECT i.type, i.identity, ''
      FROM member m, pg_identify_object(m.classid, m.objid, 0) i
     WHERE m.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass)
    UNION ALL
    -- Another server may put the same into other words.
    SELECT 'server', 'PostgreSQL', (current_setting('server_version_num')::integer / 10000)::text
$$;

-- The last step of installing or updating. In a function, so that a dump carries nothing of it and
-- a restore makes it anew.
CREATE FUNCTION jackpot.expect_schema() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION jackpot.expected_schema() RETURNS TABLE (kind text, object text, definition text)
        LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET jit = off AS %L',
        format('SELECT e.kind, e.object, e.definition FROM jsonb_to_recordset(%L) AS e(kind text, object text, definition text)',
               (SELECT jsonb_agg(s ORDER BY s.kind, s.object COLLATE "C") FROM jackpot.present_schema(false) s)));
END $$;

-- A row a check with what differs; if asked, then a row an object, too.
CREATE FUNCTION jackpot.schema_checks(is_detailed boolean)
RETURNS TABLE (check_name text, ok boolean, detail text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET jit = off SET quote_all_identifiers = off
AS $$
    WITH expected AS MATERIALIZED (
        SELECT e.kind, e.object, e.definition FROM jackpot.expected_schema() e),
    wanted AS (
        SELECT e.kind, e.object, e.definition FROM expected e
        UNION ALL
        -- Every partition of the ledger is like the one that it has from the beginning.
        SELECT e.kind, replace(e.object, 'jackpot.ledger_default', p.name), e.definition
          FROM pg_inherits i
         CROSS JOIN LATERAL (SELECT i.inhrelid::regclass::text) AS p(name)
          JOIN expected e ON e.object ~ '^jackpot\.ledger_default\M' AND e.kind <> 'dump of'
         WHERE i.inhparent = to_regclass('jackpot.ledger') AND p.name <> 'jackpot.ledger_default'),
    compared AS (
        SELECT coalesce(w.kind, n.kind) AS kind, coalesce(w.object, n.object) AS object, n.definition AS is, w.definition AS was
          FROM wanted w FULL JOIN jackpot.present_schema() n ON n.kind = w.kind AND n.object = w.object),
    judged AS MATERIALIZED (
        SELECT CASE WHEN c.kind IN ('column', 'constraint', 'function') THEN c.kind || 's'
                    WHEN c.kind = 'index' THEN 'indexes'
                    WHEN c.kind = 'disabled trigger' THEN 'constraints'
                    ELSE 'schema' END AS check_name,
               c.kind || ' ' || c.object AS object,
               CASE WHEN c.is IS NULL THEN 'missing'
                    WHEN c.was IS NULL THEN 'unexpected'
                    WHEN c.is = c.was OR NOT s.is_same THEN NULL
                    WHEN c.kind IN ('function', 'view') THEN 'changed'
                    ELSE format('%s instead of %s', c.is, c.was) END AS problem,
               CASE WHEN c.kind NOT IN ('function', 'view') AND c.is <> '' THEN c.is ELSE 'as installed' END AS present
          FROM compared c
         CROSS JOIN (SELECT coalesce(bool_and(c.is = c.was), true) FROM compared c WHERE c.kind = 'server') AS s(is_same)
         WHERE c.kind <> 'server'
           -- Indexes may be added.
           AND NOT (c.kind = 'index' AND c.was IS NULL)
           AND (s.is_same OR c.kind NOT IN ('index', 'constraint'))),
    numbered AS MATERIALIZED (
        SELECT j.check_name, format('%s: %s', j.object, coalesce(j.problem, j.present)) AS what, j.problem IS NULL AS ok,
               row_number() OVER (PARTITION BY j.check_name, j.problem IS NULL ORDER BY j.object COLLATE "C") AS place,
               count(*) OVER (PARTITION BY j.check_name, j.problem IS NULL) AS total
          FROM judged j),
    checks AS (
        SELECT k.check_name, k.place, n.what IS NULL AS ok, coalesce(n.what, 'as installed') AS detail
          FROM unnest(ARRAY['schema', 'columns', 'indexes', 'constraints', 'functions']) WITH ORDINALITY AS k(check_name, place)
          LEFT JOIN (SELECT n.check_name,
                            concat_ws('; ', string_agg(left(n.what, 200), '; ' ORDER BY n.place),
                                      CASE WHEN max(n.total) > 5 THEN format('and %s more', max(n.total) - 5) END) AS what
                       FROM numbered n WHERE NOT n.ok AND n.place <= 5 GROUP BY n.check_name) n ON n.check_name = k.check_name)
    SELECT r.check_name, r.ok, r.detail
      FROM (SELECT c.check_name, c.ok, c.detail, 1, c.place, 1 FROM checks c
            UNION ALL
            SELECT n.check_name, n.ok, n.what, 2, c.place, n.place
              FROM numbered n JOIN checks c ON c.check_name = n.check_name WHERE is_detailed)
           AS r(check_name, ok, detail, part, check_place, place)
     ORDER BY r.part, r.check_place, r.ok, r.place
$$;
