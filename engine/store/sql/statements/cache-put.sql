-- Keeps a result and ends the flight. $1 task, $2 key, $3 payload or null, $4 run, $5 call, $6 ttl in ms or null. An
-- entry that is there is replaced. Locks the key's row.
insert into cache (task, key, result, run_id, call, created_at, expires_at)
values ($1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp() + $6::double precision * interval '1 ms')
on conflict (task, key) do update set result = excluded.result, run_id = excluded.run_id, call = excluded.call,
  created_at = excluded.created_at, expires_at = excluded.expires_at,
  flight_run = null, flight_call = null, flight_epoch = null
