-- Deletes entries. $1: the task as file#name or its name alone, or null; $2: key or null; $3: only what has expired.
-- One row for each entry deleted. A flight that loses its row here keeps its result all the same.
delete from cache where ($1::text is null or task = $1 or split_part(task, '#', 2) = $1)
  and ($2::text is null or key = $2) and (not $3::boolean or expires_at <= clock_timestamp())
returning created_at is not null as entry
