-- Deletes up to $1 keys that have no entry, or one that expired more than a day ago, and that nobody is making.
-- Locks those rows; what another has locked is left for the next time.
delete from cache where (task, key) in (
  select c.task, c.key from cache c
  where (c.expires_at < clock_timestamp() - interval '1 day' or c.created_at is null)
    and not exists (select from runs r join workers w on w.worker_id = r.owner where r.run_id = c.flight_run
      and r.epoch = c.flight_epoch and w.lease_until > clock_timestamp())
  limit $1::integer for update of c skip locked)
