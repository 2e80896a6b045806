-- Entries, newest first. $1: the task as file#name or its name alone, or null; $2: how many. Reads only.
select task, key, run_id, call, coalesce(length(result), 0) as size,
  extract(epoch from created_at) * 1000 as created_at,
  extract(epoch from expires_at) * 1000 as expires_at, expires_at <= clock_timestamp() as expired
from cache where created_at is not null and ($1::text is null or task = $1 or split_part(task, '#', 2) = $1)
order by created_at desc, task, key limit $2::integer
