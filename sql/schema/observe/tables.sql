-- What the worker writes for those who watch, and the thresholds they have set.

CREATE TABLE jackpot.sample (
    at            timestamptz NOT NULL PRIMARY KEY,
    since         timestamptz NOT NULL,
    operations    jsonb NOT NULL,
    pools         jsonb NOT NULL,
    queue_depth   bigint NOT NULL,
    queue_age_ms  bigint NOT NULL,
    dead_letters  bigint NOT NULL
);
COMMENT ON TABLE jackpot.sample IS 'What was counted from since to at: a row each jackpot.sample_interval in which something happened, for jackpot.sample_retention. jackpot.operation_sample and jackpot.pool_sample have it as columns.';
COMMENT ON COLUMN jackpot.sample.operations IS 'For each operation its figures, as jackpot_metrics() names them; buckets: how many calls took up to so many microseconds and more than the bucket before.';
COMMENT ON COLUMN jackpot.sample.pools IS 'For each pool its figures: wagered and won in minor units, contributed exact.';
COMMENT ON COLUMN jackpot.sample.queue_depth IS 'How many items waited at the end.';
COMMENT ON COLUMN jackpot.sample.queue_age_ms IS 'How long the oldest of those that were due had waited.';

CREATE TABLE jackpot.alert (
    metric    text NOT NULL,
    labels    jsonb NOT NULL DEFAULT '{}',
    warning   numeric,
    critical  numeric,
    hold      interval NOT NULL DEFAULT '0',
    notify    boolean,
    actor     text NOT NULL,
    set_at    timestamptz NOT NULL,
    PRIMARY KEY (metric, labels),
    CHECK (warning <= critical)
);
COMMENT ON TABLE jackpot.alert IS 'Thresholds that jackpot_set_alert() has set; jackpot.alert_threshold has them with the defaults.';
COMMENT ON COLUMN jackpot.alert.metric IS 'A signal of jackpot.signal, or a gauge of jackpot_metrics().';
COMMENT ON COLUMN jackpot.alert.labels IS 'Of a gauge: only series that have these labels.';
COMMENT ON COLUMN jackpot.alert.warning IS 'From this value on it is raised; NULL: it is not.';
COMMENT ON COLUMN jackpot.alert.hold IS 'How long the value must be there before it is raised.';
COMMENT ON COLUMN jackpot.alert.notify IS 'Whether it is announced by NOTIFY; NULL: as jackpot.notify_alerts says.';

CREATE SEQUENCE jackpot.alert_event_id_seq;
CREATE TABLE jackpot.alert_event (
    id          bigint NOT NULL DEFAULT nextval('jackpot.alert_event_id_seq') PRIMARY KEY,
    metric      text NOT NULL,
    labels      jsonb NOT NULL,
    severity    text NOT NULL CHECK (severity IN ('warning', 'critical')),
    value       numeric NOT NULL,
    threshold   numeric NOT NULL,
    since       timestamptz NOT NULL,
    raised_at   timestamptz,
    cleared_at  timestamptz,
    notify      boolean NOT NULL
);
ALTER SEQUENCE jackpot.alert_event_id_seq OWNED BY jackpot.alert_event.id;
CREATE UNIQUE INDEX alert_event_open_idx ON jackpot.alert_event (metric, labels) WHERE cleared_at IS NULL;
CREATE INDEX alert_event_cleared_at_idx ON jackpot.alert_event (cleared_at);
COMMENT ON TABLE jackpot.alert_event IS 'Alerts that were raised: jackpot_alerts() shows them. Written by the worker.';
COMMENT ON COLUMN jackpot.alert_event.value IS 'What it was when the threshold was reached.';
COMMENT ON COLUMN jackpot.alert_event.since IS 'When that was.';
COMMENT ON COLUMN jackpot.alert_event.raised_at IS 'When it had lasted for hold; NULL before.';
COMMENT ON COLUMN jackpot.alert_event.notify IS 'Whether it is announced by NOTIFY.';
COMMENT ON SEQUENCE jackpot.alert_event_id_seq IS 'Numbers alerts that were raised.';

-- What was measured in one cluster says nothing of another: only thresholds are dumped.
SELECT pg_extension_config_dump('jackpot.alert', '');
