-- Tables of the current schema with estimated rows and bytes. Reads only.
select c.relname as name, greatest(c.reltuples, 0)::bigint as rows, pg_total_relation_size(c.oid) as bytes
from pg_class c where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace order by c.relname
