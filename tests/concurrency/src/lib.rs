//! Tests of the extension as clients meet it: through a driver, with many connections at once.
//! They need a server that the PG* variables lead to; `tests/concurrency/run.sh` starts one.
#![cfg(test)]

mod cluster;
mod server;

mod a_batch_is_all_or_nothing;
mod batches;
mod caught_errors;
mod every_snapshot_is_exact;
mod four_triggers;
mod memory;
mod nobody_waits_in_a_circle;
mod numbers;
mod one_batch_equals_many_calls;
mod one_id_many_clients;
mod random_traffic;
mod slow_transactions_stop_nobody;
mod totals_are_exact_in_order;
