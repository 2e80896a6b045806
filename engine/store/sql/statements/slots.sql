-- Who holds the slots of a limit ($1; null = of all) and who waits, in the order of granting, holders first.
select s.limit_name, l.max, s.run_id, s.key, s.worker, s.granted, extract(epoch from s.at) * 1000 as at
from slots s join limits l on l.name = s.limit_name
where $1::text is null or s.limit_name = $1
order by s.limit_name, s.granted desc, s.priority + floor(extract(epoch from clock_timestamp() - s.at) / 60) desc,
  s.ticket
