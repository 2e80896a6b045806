-- Runs of worker $1 that it must look at; clears their ready_at. No rows: nothing is due. Locks those runs rows.
update runs r set ready_at = null
from (select run_id from runs where owner = $1
  and ready_at <= clock_timestamp() order by run_id for update skip locked) d
where r.run_id = d.run_id returning r.run_id, r.mail_head
