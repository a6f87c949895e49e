SELECT id, pool, rate, floor(amount), version FROM naive.pool ORDER BY id;
