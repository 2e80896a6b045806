-- A code version $1 with its files $2 (JSON object: path -> hash).
insert into sources (code_version, files) values ($1, $2) on conflict do nothing
