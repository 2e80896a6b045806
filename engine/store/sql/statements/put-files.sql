-- Source files, content-addressed. $1: JSON array of {hash,text}.
insert into source_files (hash, content) select distinct on (x.hash) x.hash, x.text
  from json_to_recordset($1::text::json) as x(hash text, text text)
order by x.hash on conflict do nothing
