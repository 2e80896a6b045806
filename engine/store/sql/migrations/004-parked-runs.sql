-- Parked runs are few among many: the list of them is read from an index of their own, which costs the others nothing.
create index runs_parked on runs (run_id) where parked is not null;
