-- Deletes up to $1 completions that are older than a day, of runs that ended more than a day ago or are not there: no
-- attempt of theirs can still be under way. Locks those rows; what another has locked is left for the next time.
delete from completions where (run_id, key) in (
  select c.run_id, c.key from completions c left join runs r on r.run_id = c.run_id
  where c.at < clock_timestamp() - interval '1 day'
    and (r.run_id is null or r.ended_at < clock_timestamp() - interval '1 day')
  order by c.at limit $1::integer for update of c skip locked)
