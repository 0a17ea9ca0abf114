-- A file of a release, for checkouts that lack it. $1: the release, $2: its name, $3: its text.
INSERT INTO switchback.file AS f (release, name, content) VALUES ($1, $2, $3)
ON CONFLICT (release, name) DO UPDATE SET content = excluded.content WHERE f.content <> excluded.content
