-- The table of completions in a database that is not the engine's. Two that make it at once: one gets 23505 or 42P07.
create table if not exists reprise.completions (
  run_id text collate "C" not null,
  key    text not null,
  result text,
  error  text,
  at     timestamptz not null default clock_timestamp(),
  primary key (run_id, key)
)
