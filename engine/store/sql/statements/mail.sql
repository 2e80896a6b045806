-- Mail of run $1 with n > $2, in order. Reads only.
select run_id, n, dedupe, kind, payload from mailbox where run_id = $1 and n > $2 order by n
