//! What the worker does for those who watch: samples the metrics, evaluates the alerts, and audits.
//! None of it writes while nothing happens.

use crate::call::Call;
use crate::guc;
use crate::shmem::metrics::{self, board};
use crate::store::observe::recent::Window;
use crate::store::observe::{audit, sample};
use crate::store::session::{Patience, clock};
use crate::store::statement::statements;
use crate::worker::transaction::in_extension;
use jackpot_core::Error;

/// How long it rests when it has gone through the ledger.
const MICROSECONDS_BETWEEN_PASSES: i64 = 10_000_000;
const MICROSECONDS_BETWEEN_STEPS: i64 = 1_000_000;
/// The audit takes at most one part in so many of the time, but rests no longer than that.
const SHARE_OF_AUDIT: i64 = 50;
const MICROSECONDS_OF_REST: i64 = 600_000_000;
/// So do the alerts: the more waits in the queue, the longer it takes to count it.
const SHARE_OF_ALERTS: i64 = 20;

statements! {
    static EVALUATE() = "SELECT jackpot.evaluate_alerts()";
}

/// How long a lock is waited for: queue and settling wait as well.
const PATIENCE_MILLISECONDS: i32 = 50;

/// Does in one transaction what may be put off.
fn patiently(work: impl FnOnce() -> Result<(), Error>) -> Result<(), String> {
    in_extension(Call::Observe, || {
        let _patience = Patience::limit(PATIENCE_MILLISECONDS);
        work()
    })
}

/// When it did what last (microseconds since 2000).
#[derive(Default)]
pub struct Watch {
    window: Window,
    last_alerts: i64,
    alerts_took: i64,
    last_sample: i64,
    next_audit: i64,
}

impl Watch {
    /// Does what is due.
    pub fn step(&mut self) -> Result<(), String> {
        let now = clock();
        // It may have been set back.
        self.last_alerts = self.last_alerts.min(now);
        self.last_sample = self.last_sample.min(now);
        self.next_audit = self.next_audit.min(now + MICROSECONDS_OF_REST);
        metrics::resolve();
        if self.alerts_due().is_some_and(|due| due <= now) {
            self.last_alerts = now;
            self.evaluate_alerts(now)?;
        }
        if self.sample_due().is_some_and(|due| due <= now) {
            self.last_sample = now;
            take_sample()?;
        }
        if self.audit_due().is_some_and(|due| due <= now) {
            self.audit(now)?;
        }
        Ok(())
    }

    /// When something is due next.
    pub fn next_due(&self) -> i64 {
        let dues = [self.alerts_due(), self.sample_due(), self.audit_due()];
        dues.into_iter().flatten().min().unwrap_or(i64::MAX)
    }

    fn alerts_due(&self) -> Option<i64> {
        let interval = i64::from(guc::ALERT_INTERVAL.get()) * 1_000;
        let rest = interval.max(self.alerts_took * SHARE_OF_ALERTS);
        (interval > 0).then(|| self.last_alerts + rest)
    }

    fn sample_due(&self) -> Option<i64> {
        let interval = i64::from(guc::SAMPLE_INTERVAL.get()) * 1_000_000;
        (interval > 0).then(|| self.last_sample + interval)
    }

    fn audit_due(&self) -> Option<i64> {
        (guc::AUDIT_ROWS.get() > 0).then_some(self.next_audit)
    }

    fn evaluate_alerts(&mut self, now: i64) -> Result<(), String> {
        if let Some(database) = board::database() {
            self.window.look(database, now);
        }
        let done = patiently(|| {
            EVALUATE.with(|statement| statement.write(&[]));
            sample::prune_alerts();
            Ok(())
        });
        self.alerts_took = clock() - now;
        done
    }

    fn audit(&mut self, began: i64) -> Result<(), String> {
        let rows = usize::try_from(guc::AUDIT_ROWS.get()).unwrap_or(0);
        let mut is_through = false;
        self.next_audit = began + MICROSECONDS_BETWEEN_PASSES;
        patiently(|| {
            is_through = audit::step(rows)?;
            Ok(())
        })?;
        let now = clock();
        let rest =
            if is_through { MICROSECONDS_BETWEEN_PASSES } else { MICROSECONDS_BETWEEN_STEPS };
        let took = now - began;
        self.next_audit = now + rest.max(took * SHARE_OF_AUDIT).min(MICROSECONDS_OF_REST);
        Ok(())
    }
}

fn take_sample() -> Result<(), String> {
    let mut taken = None;
    patiently(|| {
        taken = sample::take()?;
        Ok(())
    })?;
    // It has committed.
    if let Some(taken) = taken {
        taken.keep();
    }
    Ok(())
}
