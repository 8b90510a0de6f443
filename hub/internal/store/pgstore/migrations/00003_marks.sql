-- Partitions are marked with a comment, and only those with the mark are dropped. Those
-- that were made before are recognized by their names, once.
DO $$
DECLARE
    child RECORD;
BEGIN
    FOR child IN
        SELECT format('%I.%I', n.nspname, c.relname) AS name
        FROM pg_inherits i
        JOIN pg_class p ON p.oid = i.inhparent
        JOIN pg_class c ON c.oid = i.inhrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = current_schema() AND p.relnamespace = n.oid
          AND p.relname IN ('api_metrics', 'service_health') AND c.relname ~ ('^' || p.relname || '_[0-9]{8}$')
          AND c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE')
    LOOP
        EXECUTE format('COMMENT ON TABLE %s IS %L', child.name,
            'A day of Kymo''s, which drops it when its retention is over. Detached, it stays.');
    END LOOP;
END $$;

-- The highest number that a series ever had: none is used again, even if kymo_series
-- loses rows, since pages refer to them.
INSERT INTO kymo_state (key, value) SELECT 'series', coalesce(max(id), 0) FROM kymo_series;
