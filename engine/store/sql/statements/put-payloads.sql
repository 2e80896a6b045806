-- Large values, content-addressed. $1: JSON array of {hash,text}. One that is there is only touched.
insert into payloads (hash, content) select distinct on (x.hash) x.hash, x.text
  from json_to_recordset($1::text::json) as x(hash text, text text)
order by x.hash on conflict (hash) do update set touched_at = clock_timestamp()
