-- Log lines, in order. $1: JSON array.
insert into logs (run_id, seq, at, level, message, key, attempt, data)
select x.r, x.s, to_timestamp(x.t / 1000), x.l, x.m, x.k, x.n, x.d
from json_to_recordset($1::text::json) as x(r text, s integer, t double precision, l text, m text, k text, n integer,
  d text)
