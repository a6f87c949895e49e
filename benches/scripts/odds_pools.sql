-- The same three pools with a draw at every spin, whose odds are so long that nobody hits.
CREATE EXTENSION jackpot;
SELECT jackpot_create_pool(pool, contribution_rate => rate, seed_amount => seed,
                           config => '{"trigger": {"kind": "odds", "one_in": 1000000000000000000}}')
  FROM (VALUES ('minor', 0.01, 10000), ('major', 0.005, 100000), ('mega', 0.002, 1000000)) AS p(pool, rate, seed);
