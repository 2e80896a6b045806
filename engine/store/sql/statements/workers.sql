-- Every worker that is known. Reads only.
select worker_id, extract(epoch from lease_until) * 1000 as lease_until, lease_until > clock_timestamp() as alive,
  pools, info from workers
