-- Who stands at these places? $1: JSON array of {r,s}. One row per place that is taken. Reads only.
select h.run_id, h.first_seq, h.append_id::text as append_id
from json_to_recordset($1::text::json) as x(r text, s integer) join history h on h.run_id = x.r and h.first_seq = x.s
