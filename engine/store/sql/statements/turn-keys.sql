-- Slot keys of runs that have not ended, by name, with how many have their turn and how many wait. Reads only: the open
-- runs are found by their states, the ended ones, which are most, are not looked at.
select slot_key, min(workflow) as workflow, (array_agg(slot_max order by run_id desc))[1] as max,
  count(*) filter (where slot_held) as held, count(*) filter (where not slot_held) as waiting
from runs
where state in ('scheduled', 'pending', 'running', 'waiting', 'paused', 'cancelling') and slot_key is not null
group by slot_key order by slot_key limit 1000
