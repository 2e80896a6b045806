-- What nobody needs any more is found by these: entries by when they expired, keys without an entry, old completions.
create index cache_expired on cache (expires_at) where expires_at is not null;
create index cache_empty on cache (task, key) where created_at is null;
create index completions_old on completions (at);
