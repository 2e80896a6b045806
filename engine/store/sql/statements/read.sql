-- Rows of run $1 from the one that holds event $2 on, in order, at most $3 (null: all); no rows: there is no such run.
-- Reads only.
select run_id, first_seq, count, append_id::text as append_id, epoch, events
from history where run_id = $1 and first_seq + count > $2 order by first_seq limit $3::integer
