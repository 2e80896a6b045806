-- Places what the task $1 run, $2 key came to: $3 result, $4 error. `same`: this is still transaction $5; if not,
-- nothing is placed. `placed`: false with `same`, somebody's completion stands there. Waits for one that is not
-- committed yet, up to lock_timeout. One row.
with mine as (
  insert into reprise.completions (run_id, key, result, error)
  select $1, $2, $3, $4 where pg_current_xact_id()::text = $5
  on conflict do nothing returning 1)
select pg_current_xact_id()::text = $5 as same, exists (select from mine) as placed
