-- Deletes every run with all that belongs to it. The setting lifts the guard of history for this statement's function.
select reset_all()
