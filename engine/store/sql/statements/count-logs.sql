-- Warnings, and errors with what is critical, that runs $1 (JSON array) wrote; a run without any is left out. Reads
-- only, by the index of serious lines alone.
select run_id, count(*) filter (where level = 'warn') as warnings, count(*) filter (where level <> 'warn') as errors
from logs where run_id in (select value from json_array_elements_text($1::text::json))
  and level in ('warn', 'error', 'critical') group by 1
