-- Every limit, with how many slots are held and wanted.
select l.name, l.max, l.per_ms, extract(epoch from l.next_at) * 1000 as next_at,
  count(s.*) filter (where s.granted) as held, count(s.*) filter (where not s.granted) as waiting
from limits l left join slots s on s.limit_name = l.name group by l.name order by l.name
