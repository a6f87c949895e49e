-- The two roles that look on, with no more rights than they need: both only read.
--   psql -d casino -f roles.sql
-- Debian's services run as users of these names and come in through the socket without a password
-- ("peer"). From another machine they need one: \password prometheus

-- prometheus-postgres-exporter: one function.
CREATE ROLE prometheus LOGIN CONNECTION LIMIT 4;
ALTER ROLE prometheus SET default_transaction_read_only = on;
ALTER ROLE prometheus SET statement_timeout = '5s';
GRANT EXECUTE ON FUNCTION jackpot_metrics TO prometheus;

-- Grafana's data source: what its panels show. Views call their functions with the reader's rights; to
-- see other sessions in jackpot.activity takes pg_read_all_stats.
CREATE ROLE grafana LOGIN CONNECTION LIMIT 10;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '10s';
GRANT pg_read_all_stats TO grafana;
GRANT EXECUTE ON FUNCTION jackpot_ticker, jackpot_health, jackpot_alerts TO grafana;
GRANT USAGE ON SCHEMA jackpot TO grafana;
GRANT SELECT ON jackpot.signal, jackpot.activity, jackpot.recent_wins, jackpot.queue,
                jackpot.sample, jackpot.operation_sample, jackpot.pool_sample TO grafana;
GRANT EXECUTE ON FUNCTION jackpot.last_minute, jackpot.last_calls, jackpot.queue_state, jackpot.queue_waiting,
                          jackpot.audit_state, jackpot.signal_meaning, jackpot.quantile_us TO grafana;
