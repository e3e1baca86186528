//! Wake-ups between relays that share a PostgreSQL database, by NOTIFY. Sent after the commit and apart from it (inside
//! the transaction it would halve the rate), coalesced: what happens while one notification is on its way travels in the
//! next. Hints, as all wake-ups: polling lies beneath.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use protocol::secret::random_bytes;
use protocol::{AccountId, JobId};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_postgres::Notification;

use super::Wake;
use crate::effects::Effects;
use crate::session::PostgresUrl;
use crate::session::postgres::Connection;

const CHANNEL: &str = "link_peeler";
/// Bytes of one payload; the server takes less than 8,000.
const MAX_PAYLOAD: usize = 7_500;
/// Effects that wait to be sent. Beyond, jobs that end are not told one by one; their waiters look by themselves.
const MAX_WAITING: usize = 20_000;
/// Notifications that wait to be read.
const INBOX: usize = 1_024;
/// Time that a store which closes spends on its last hints.
const FLUSH: Duration = Duration::from_secs(1);
/// Pause before connecting again.
const RECONNECT: Duration = Duration::from_millis(200);

/// What waits to be told to the other relays.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    waiting: Mutex<Effects>,
    changed: Notify,
}

impl Hints {
    pub(super) fn add(&self, effects: Effects) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (account, count) in effects.ready {
            match waiting.ready.iter_mut().find(|(known, _)| *known == account) {
                Some((_, known)) => *known += count,
                None => waiting.ready.push((account, count)),
            }
        }
        if waiting.ended.len() < MAX_WAITING {
            waiting.ended.extend(effects.ended);
        }
        for account in effects.recorded {
            if !waiting.recorded.contains(&account) {
                waiting.recorded.push(account);
            }
        }
        waiting.keys_changed |= effects.keys_changed;
        waiting.devices_changed |= effects.devices_changed;
        drop(waiting);
        self.changed.notify_one();
    }

    /// Whether everything has been sent.
    fn is_empty(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Waits until everything has been sent, or for as long as is worth it.
    pub(crate) async fn flush(&self) {
        let started = Instant::now();
        while !self.is_empty() && started.elapsed() < FLUSH {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn take(&self) -> Effects {
        self.changed.notified().await;
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts telling and listening. Ends when the tasks are aborted.
pub(crate) fn start(url: &PostgresUrl, wake: &Arc<Wake>, hints: Arc<Hints>) -> Vec<JoinHandle<()>> {
    // A relay need not hear itself.
    let own_id = data_encoding::HEXLOWER.encode(&random_bytes::<8>());
    vec![tokio::spawn(tell(url.clone(), own_id.clone(), hints)), tokio::spawn(listen(url.clone(), own_id, Arc::clone(wake)))]
}

async fn tell(url: PostgresUrl, own_id: String, hints: Arc<Hints>) {
    loop {
        if let Ok(mut connection) = Connection::open(&url).await
            && connection.make_nothing_durable().await.is_ok()
        {
            tell_over(&mut connection, &own_id, &hints).await;
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Tells until the connection fails. What it failed with is told over the next one: that a key was revoked must not be
/// forgotten.
async fn tell_over(connection: &mut Connection, own_id: &str, hints: &Hints) {
    loop {
        let effects = hints.take().await;
        for payload in payloads(own_id, &effects) {
            if let Err(error) = connection.notify(CHANNEL, &payload).await {
                tracing::debug!(%error, "a wake-up was not sent");
                return hints.add(effects);
            }
        }
    }
}

async fn listen(url: PostgresUrl, own_id: String, wake: Arc<Wake>) {
    loop {
        let (sender, mut inbox) = mpsc::channel(INBOX);
        if let Ok(mut connection) = Connection::open_listening(&url, Some(sender)).await
            && connection.listen(CHANNEL).await.is_ok()
        {
            // What was said before this connection listened was missed.
            wake.tell_everyone();
            while let Some(notification) = inbox.recv().await {
                hear(&own_id, &notification, &wake);
            }
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// The first line names the sender; each further one is `r ACCOUNT COUNT`, `e JOB`, `a ACCOUNT`, `k` or `d`.
fn payloads(own_id: &str, effects: &Effects) -> Vec<String> {
    let ready = effects.ready.iter().map(|(account, count)| format!("\nr {} {count}", encode(account.as_bytes())));
    let ended = effects.ended.iter().map(|job_id| format!("\ne {}", encode(job_id.as_bytes())));
    let recorded = effects.recorded.iter().map(|account| format!("\na {}", encode(account.as_bytes())));
    let keys = effects.keys_changed.then(|| "\nk".to_owned());
    let devices = effects.devices_changed.then(|| "\nd".to_owned());
    let mut payloads: Vec<String> = Vec::new();
    for line in keys.into_iter().chain(devices).chain(ready).chain(ended).chain(recorded) {
        match payloads.last_mut() {
            Some(payload) if payload.len() + line.len() <= MAX_PAYLOAD => payload.push_str(&line),
            _ => payloads.push(format!("{own_id}{line}")),
        }
    }
    payloads
}

fn hear(own_id: &str, notification: &Notification, wake: &Wake) {
    let mut lines = notification.payload().lines();
    if lines.next() == Some(own_id) {
        return;
    }
    wake.tell_here(read(lines));
}

/// Lines of a newer relay that this one does not know are passed over.
fn read<'l>(lines: impl Iterator<Item = &'l str>) -> Effects {
    let mut effects = Effects::default();
    for line in lines {
        let mut words = line.split(' ');
        match (words.next(), words.next().and_then(decode), words.next()) {
            (Some("r"), Some(account), Some(count)) => effects.ready.push((AccountId::from_bytes(account), count.parse().unwrap_or(1))),
            (Some("e"), Some(job_id), None) => effects.ended.push(JobId::from_bytes(job_id)),
            (Some("a"), Some(account), None) => effects.recorded.push(AccountId::from_bytes(account)),
            (Some("k"), None, None) => effects.keys_changed = true,
            (Some("d"), None, None) => effects.devices_changed = true,
            _ => {}
        }
    }
    effects
}

fn encode(id: &[u8; 16]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(id)
}

fn decode(text: &str) -> Option<[u8; 16]> {
    data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard() {
        let account = AccountId::from_bytes([1; 16]);
        let ended: Vec<JobId> =
            (0..=255).map(|n| JobId::from_bytes([n; 16])).chain((0..=255).map(|n| JobId::from_bytes([n; 16]))).collect();
        let effects = Effects {
            ready: vec![(account, 7)],
            ended: ended.clone(),
            recorded: vec![account],
            keys_changed: true,
            devices_changed: false,
        };
        let payloads = payloads("me", &effects);
        assert!(payloads.len() > 1 && payloads.iter().all(|payload| payload.len() < 8_000));
        let mut heard = Effects::default();
        for payload in &payloads {
            let part = read(payload.lines().skip(1));
            heard.ready.extend(part.ready);
            heard.ended.extend(part.ended);
            heard.recorded.extend(part.recorded);
            heard.keys_changed |= part.keys_changed;
        }
        assert_eq!((heard.ready, heard.ended, heard.recorded, heard.keys_changed), (vec![(account, 7)], ended, vec![account], true));
    }
}
