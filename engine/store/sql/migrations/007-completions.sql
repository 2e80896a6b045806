-- What transactional tasks came to, committed together with their writes: a row here and the writes are there, or
-- neither is. Exactly one of result and error; both null is a task that returned nothing.
create table completions (
  run_id text collate "C" not null,
  key    text not null,
  result text,                          -- JSON of the recorded result
  error  text,                          -- JSON of the error that the task failed with for good: nothing was written
  at     timestamptz not null default clock_timestamp(),
  primary key (run_id, key)
);

-- Creates a run within a transaction of the caller, whatever his search_path: both commit, or neither. Workers hear of
-- it when he does. p: JSON of NewRun. Returns the row of create_run. Locks: as create_run, until the caller's commit.
create function start_run(p text) returns table (result text, run_id text) language plpgsql
set search_path = reprise, public, pg_temp as $$
declare made record;
begin
  select c.result, c.run_id into made from create_run(p::json) c;
  if made.result = 'created' then perform pg_notify('reprise', made.run_id); end if;
  return query select made.result::text, made.run_id::text;
end $$;
