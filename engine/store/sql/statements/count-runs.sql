-- How many runs are in each state; parked ones apart. Reads only.
select state, parked is not null as parked, count(*) as count from runs group by 1, 2
