-- How many values the sequences of the tables of images $1 (a JSON array of qualified names) have given, and the size of table $2.
SELECT coalesce((SELECT sum(coalesce(pg_sequence_last_value(pg_get_serial_sequence(images, 'seq')::regclass), 0))
                   FROM json_array_elements_text($1::json) AS images), 0)::bigint,
       coalesce(pg_relation_size(to_regclass($2)), 0)
