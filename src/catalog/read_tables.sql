-- $1 oids. A partitioned table's own storage is empty: its estimates are those of its leaves.
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence,
       pg_get_userbyid(c.relowner) AS owner, pg_has_role(c.relowner, 'USAGE') AS owned,
       NOT row_security_active(c.oid) AS all_rows_shown,
       EXISTS (SELECT FROM pg_subscription_rel AS r WHERE r.srrelid = c.oid) AS subscribed, c.relreplident AS replica_identity, c.relrowsecurity AS row_security,
       -- Without what the owner has by default: that nothing was ever granted, and that it was taken back, are the same.
       (SELECT coalesce(json_agg(a::text ORDER BY a::text COLLATE "C"), '[]') FROM unnest(c.relacl) AS a
         WHERE NOT a = ANY (acldefault('r', c.relowner))) AS grants,
       (CASE WHEN c.relkind = 'p' THEN coalesce(leaves.tuples, 0) ELSE greatest(c.reltuples, 0) END)::bigint AS tuples,
       CASE WHEN c.relkind = 'p' THEN coalesce(leaves.bytes, 0) ELSE pg_total_relation_size(c.oid) END::bigint AS bytes,
       coalesce(pg_relation_filenode(c.oid), 0) AS filenode,
       coalesce(stored.whole, c.relreplident = 'f') AS rows_whole,
       coalesce(stored.row_bytes, 0)::bigint AS row_bytes,
       coalesce(stored.rewritten, 0)::bigint AS rewritten,
       (SELECT coalesce(extract(epoch FROM now() - d.stats_reset), 0)::bigint
          FROM pg_stat_database d WHERE d.datname = current_database()) AS counted_for,
       coalesce(leaves.names, '[]') AS partitions,
       (WITH RECURSIVE made (type, relation, attnum) AS (
          SELECT c.reltype, 0::oid, 0
          UNION
          SELECT CASE WHEN d.classid = 'pg_type'::regclass THEN d.objid ELSE coalesce(k.reltype, 0) END,
                 CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid ELSE 0 END, d.objsubid
            FROM made
            JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = made.type
                            AND d.classid IN ('pg_type'::regclass, 'pg_class'::regclass)
            LEFT JOIN pg_class k ON d.classid = 'pg_class'::regclass AND k.oid = d.objid AND k.relkind = 'c')
        SELECT coalesce(json_agg(DISTINCT format('%s.%s.%s', sn.nspname, s.relname, a.attname)), '[]')
          FROM made
          JOIN pg_class s ON s.oid = made.relation AND s.relkind IN ('r', 'p', 'm', 'f')
          JOIN pg_namespace sn ON sn.oid = s.relnamespace
          JOIN pg_attribute a ON a.attrelid = s.oid AND a.attnum = made.attnum AND NOT a.attisdropped
       ) AS rows_stored_in,
       (WITH RECURSIVE below (oid) AS (
          SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid
          UNION SELECT i.inhrelid FROM pg_inherits i JOIN below ON i.inhparent = below.oid)
        SELECT coalesce(json_agg(DISTINCT own.attname), '[]')
          FROM pg_attribute own
          LEFT JOIN pg_attrdef own_default ON own_default.adrelid = own.attrelid AND own_default.adnum = own.attnum
          JOIN below ON true
          JOIN pg_attribute other ON other.attrelid = below.oid AND other.attname = own.attname
          LEFT JOIN pg_attrdef other_default
            ON other_default.adrelid = other.attrelid AND other_default.adnum = other.attnum
         WHERE own.attrelid = c.oid AND own.attnum > 0 AND NOT own.attisdropped
           AND (own.attnotnull <> other.attnotnull
                OR pg_get_expr(own_default.adbin, own_default.adrelid)
                   IS DISTINCT FROM pg_get_expr(other_default.adbin, other_default.adrelid))
       ) AS set_in_partitions,
       (SELECT json_build_array(pn.nspname, p.relname)
          FROM pg_inherits i
          JOIN pg_class p ON p.oid = i.inhparent
          JOIN pg_namespace pn ON pn.oid = p.relnamespace
         WHERE i.inhrelid = c.oid ORDER BY i.inhseqno LIMIT 1) AS parent,
       (WITH RECURSIVE under (oid) AS (
          SELECT c.oid
          UNION
          SELECT d.refobjid FROM under
            JOIN pg_rewrite r ON r.ev_class = under.oid AND r.rulename = '_RETURN'
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                            AND d.refclassid = 'pg_class'::regclass)
        SELECT coalesce(json_agg(json_build_array(un.nspname, u.relname) ORDER BY un.nspname, u.relname), '[]')
          FROM under
          JOIN pg_class u ON u.oid = under.oid AND u.oid <> c.oid
          JOIN pg_namespace un ON un.oid = u.relnamespace) AS below,
       -- The columns of a partition key, those in its expressions too, depend on their own table.
       (SELECT coalesce(json_agg(a.attname ORDER BY array_position(k.partattrs::int2[], a.attnum), a.attnum), '[]')
          FROM pg_partitioned_table k
          JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE k.partrelid = c.oid
           AND EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = a.attnum
                          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype = 'i')
       ) AS partition_key
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL (
    WITH RECURSIVE tree (oid) AS (
      SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid
      UNION
      SELECT i.inhrelid FROM pg_inherits i JOIN tree ON i.inhparent = tree.oid)
    SELECT sum(greatest(l.reltuples, 0)) AS tuples, sum(pg_total_relation_size(l.oid)) AS bytes,
           json_agg(json_build_array(ln.nspname, l.relname) ORDER BY ln.nspname, l.relname) AS names
      FROM tree
      JOIN pg_class l ON l.oid = tree.oid AND l.relkind <> 'p'
      JOIN pg_namespace ln ON ln.oid = l.relnamespace) AS leaves ON true
  -- Where the rows are. A row is no larger than its share of the pages, which in a small table is too much.
  LEFT JOIN LATERAL (
    SELECT bool_and(s.relreplident = 'f') AS whole,
           sum(pg_stat_get_tuples_updated(s.oid) + pg_stat_get_tuples_deleted(s.oid)) AS rewritten,
           sum(least(pg_relation_size(s.oid), (28 + widths.bytes) * s.reltuples)
               + coalesce(pg_relation_size(nullif(s.reltoastrelid, 0)), 0)) FILTER (WHERE s.reltuples > 0)
             / sum(s.reltuples) FILTER (WHERE s.reltuples > 0) AS row_bytes
      FROM (SELECT c.oid WHERE c.relkind <> 'p'
            UNION ALL SELECT t.relid::oid FROM pg_partition_tree(c.oid) AS t WHERE c.relkind = 'p' AND t.isleaf) AS place
      JOIN pg_class s ON s.oid = place.oid
      JOIN pg_namespace sn ON sn.oid = s.relnamespace
      LEFT JOIN LATERAL (SELECT sum(w.avg_width * (1 - w.null_frac)) AS bytes FROM pg_stats w
                          WHERE w.schemaname = sn.nspname AND w.tablename = s.relname AND NOT w.inherited
                        ) AS widths ON true) AS stored ON true
 WHERE c.oid = ANY ($1::oid[])
