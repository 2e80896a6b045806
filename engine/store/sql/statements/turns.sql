-- Runs that share a slot key ($1) and have not ended: those that have their turn, then those in line. Reads only.
select run_id, slot_held from runs
where slot_key = $1 and state not in ('completed', 'failed', 'cancelled', 'crashed')
order by slot_held desc, priority + floor(extract(epoch from clock_timestamp() - created_at) / 60) desc,
  run_id limit 1000
