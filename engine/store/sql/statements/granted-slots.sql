-- The slots that a worker ($1) holds. Slots of dead workers are given to those in line when somebody takes or frees.
select limit_name, run_id, key from slots where worker = $1 and granted
