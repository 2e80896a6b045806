-- What worker $1 holds. Reads only.
select run_id, epoch from runs where owner = $1
