-- A worker $1 with a lease of $2 ms, pools $3 and info $4 (JSON). Locks its own row.
insert into workers (worker_id, lease_until, pools, info) values ($1,
  clock_timestamp() + $2::double precision * interval '1 ms', $3, $4)
on conflict (worker_id) do update set lease_until = excluded.lease_until, pools = excluded.pools, info = excluded.info
