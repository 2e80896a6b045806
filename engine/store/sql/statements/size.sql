-- Tables of the current schema with estimated rows and bytes. Rows are null where there is no estimate: nothing has
-- counted them yet (-1), or last when there were none (0). Of a table that may not be read they are 0. Reads only.
select c.relname as name, pg_total_relation_size(c.oid) as bytes,
  case when c.reltuples > 0 then c.reltuples::bigint when not has_table_privilege(c.oid, 'select') then 0 end as rows
from pg_class c where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace order by c.relname
