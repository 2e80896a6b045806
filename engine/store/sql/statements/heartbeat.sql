-- Renews the lease of worker $1 by $2 ms. alive false: it has lapsed and can never be renewed. Locks its own row.
with renewed as (
  update workers set lease_until = clock_timestamp() + $2::double precision * interval '1 ms'
  where worker_id = $1 and lease_until > clock_timestamp() returning 1)
select exists (select 1 from renewed) as alive, extract(epoch from clock_timestamp()) * 1000 as now
