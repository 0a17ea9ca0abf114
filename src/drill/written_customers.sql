-- The customers that the applications wrote, with the columns that there are of those that they write.
SELECT c.id, c.written_by,
       (SELECT coalesce(json_object_agg(e.key, e.value), '{}')
        FROM json_each_text(row_to_json(c)) e WHERE e.key IN ('name', 'display_name', 'phone') AND e.value IS NOT NULL)
FROM public.customers c WHERE c.written_by <> 'load'
