//! What all chains together may hold in memory: 256 chains with a page of 2 MiB each would be more than a desktop has to
//! spare. A body that grows past a step waits for one of the step's places. Ordinary pages never wait here.
//!
//! Nobody can wait for ever: who has a place of a later step never waits for one of an earlier, and who parses waits for
//! none at all. Places are given in the order in which they were asked for. Waiting is this machine's doing and not the
//! link's, so that it costs a hop and its chain no time ([`Patience`]).

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Bytes of a body before each step, and how many bodies may be beyond it at once: at most 8 + 12 + 24 MiB with the
/// bodies of 256 chains that are on no step.
const STEPS: [(usize, usize); 2] = [(32 * 1_024, 48), (256 * 1_024, 12)];

/// The places that chains share.
#[derive(Debug)]
pub(crate) struct Load {
    steps: [Arc<Semaphore>; STEPS.len()],
    /// For pages that are being decoded and parsed: processor time, of which there is only so much anyway.
    parsing: Arc<Semaphore>,
}

impl Default for Load {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { steps: STEPS.map(|(_, places)| Arc::new(Semaphore::new(places))), parsing: Arc::new(Semaphore::new(cores * 2)) }
    }
}

/// The places of one body, given back when it is dropped. It lives as long as the bytes do.
#[derive(Debug, Default)]
pub(crate) struct Places {
    held: Vec<OwnedSemaphorePermit>,
}

impl Load {
    /// Waits until a body that has so many bytes may grow.
    pub(crate) async fn grow(&self, places: &mut Places, bytes: usize, patience: &Patience) {
        while let Some((limit, _)) = STEPS.get(places.held.len()).filter(|(limit, _)| bytes > *limit) {
            tracing::trace!(limit, "a body needs a place");
            places.held.extend(wait(&self.steps[places.held.len()], patience).await);
        }
    }

    /// Waits for the turn to decode and parse.
    pub(crate) async fn parsing(&self, patience: &Patience) -> Option<OwnedSemaphorePermit> {
        wait(&self.parsing, patience).await
    }
}

async fn wait(semaphore: &Arc<Semaphore>, patience: &Patience) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(semaphore).try_acquire_owned() {
        return Some(permit);
    }
    let _waiting = patience.begin();
    // Nobody closes the semaphores; were one closed, a body too many would do no harm.
    Arc::clone(semaphore).acquire_owned().await.ok()
}

/// How long one hop has waited for others of this machine.
#[derive(Debug, Default)]
pub(crate) struct Patience(Mutex<Waited>);

#[derive(Debug, Default)]
struct Waited {
    before: Duration,
    since: Option<Instant>,
}

/// A wait under way.
struct Waiting<'a>(&'a Patience);

impl Patience {
    fn begin(&self) -> Waiting<'_> {
        self.waited().since = Some(Instant::now());
        Waiting(self)
    }

    /// All waits so far, one that is under way included.
    pub(crate) fn total(&self) -> Duration {
        let waited = self.waited();
        waited.before + waited.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn waited(&self) -> std::sync::MutexGuard<'_, Waited> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waited = self.0.waited();
        let this_time = waited.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        waited.before += this_time;
    }
}

/// Awaits `work` for `budget`, and for as long again as it has waited for others.
///
/// # Errors
/// The time is over.
pub(crate) async fn within<T>(
    budget: Duration,
    patience: &Patience,
    work: impl Future<Output = T>,
) -> Result<T, tokio::time::error::Elapsed> {
    let mut work = std::pin::pin!(work);
    let began = Instant::now();
    let mut due = began + budget;
    loop {
        match tokio::time::timeout_at(due, &mut work).await {
            Err(elapsed) => {
                let extended = began + budget + patience.total();
                if extended <= due {
                    return Err(elapsed);
                }
                due = extended;
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_others_is_not_out_of_time() {
        let (load, patience) = (Load::default(), Patience::default());
        let mut large: Vec<Places> = Vec::new();
        for _ in 0..STEPS[1].1 {
            let mut places = Places::default();
            load.grow(&mut places, STEPS[1].0 + 1, &patience).await;
            large.push(places);
        }
        assert_eq!(patience.total(), Duration::ZERO);
        let second = Duration::from_secs(1);
        let one_more = within(second, &patience, async {
            let mut places = Places::default();
            load.grow(&mut places, usize::MAX, &patience).await;
            // sleeps: on a paused clock; the time that passes is what is tested.
            tokio::time::sleep(second / 2).await;
        });
        let others = async {
            // sleeps: on a paused clock, as above.
            tokio::time::sleep(second * 30).await;
            large.clear();
        };
        let (done, ()) = tokio::join!(one_more, others);
        assert!(done.is_ok());
        assert_eq!(patience.total(), second * 30);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_nobody_has_its_budget_and_no_more() {
        let began = Instant::now();
        let ended = within(Duration::from_secs(1), &Patience::default(), std::future::pending::<()>()).await;
        assert!(ended.is_err() && began.elapsed() == Duration::from_secs(1));
    }

    #[tokio::test]
    async fn small_bodies_never_ask() {
        let load = Load::default();
        let mut places = Places::default();
        load.grow(&mut places, STEPS[0].0, &Patience::default()).await;
        assert!(places.held.is_empty());
    }
}
