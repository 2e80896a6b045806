-- Which transaction this is (it gets a number by being asked), and what the task $1 run, $2 key has come to. One row.
-- The name of the table is replaced where it is another database's.
select pg_current_xact_id()::text as xact, c.run_id is not null as found, c.result, c.error
from (select 1) as one left join reprise.completions c on c.run_id = $1 and c.key = $2
