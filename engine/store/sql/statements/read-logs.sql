-- Log lines of run $1 in the order of writing. Reads only.
select run_id, seq, extract(epoch from at) * 1000 as at, level, message, key, attempt, data from logs
  where run_id = $1 order by id
