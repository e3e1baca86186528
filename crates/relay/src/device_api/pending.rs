//! Linking codes that wait for an operator: in memory of the relay that gave them out, in bounded number, for minutes. What
//! an operator decides about them is known here until they run out, so that deciding the same again is harmless.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::audit::{Actor, Entry};
use protocol::device_signature::DevicePublicKey;
use protocol::secret::random_bytes;
use store::ApprovedLink;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::operator::PendingLink;
use crate::problem::Refusal;
use crate::state::RelayState;

/// Seconds that a code lives.
pub(super) const CODE_SECONDS: u32 = 600;
/// Codes at once: each is some hundred bytes that anybody may ask for.
const MAX_CODES: usize = 1_000;
/// Codes that are looked up in the database at once: nobody has authenticated, so others go before.
const LOOKUPS: usize = 2;
/// Letters of a user code: no vowels, so that it spells nothing, and none that look alike (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Codes that were given out here, by the user code.
#[derive(Debug)]
pub(crate) struct PendingLinks {
    codes: Mutex<HashMap<String, Pending>>,
    lookups: Semaphore,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) device_code: String,
    pub(super) public_key: DevicePublicKey,
    pub(super) name: String,
    pub(super) platform: String,
    pub(super) address: String,
    pub(super) expires_at: Instant,
    pub(super) last_poll: Option<Instant>,
    pub(super) decision: Decision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    None,
    /// Being stored: to the desktop that polls it is not decided yet.
    Approving,
    Approved,
    Denied,
}

/// What becomes of a code that is approved.
struct DecidedLink {
    device_code: String,
    public_key: DevicePublicKey,
    shown: PendingLink,
}

impl Default for PendingLinks {
    fn default() -> Self {
        Self { codes: Mutex::default(), lookups: Semaphore::new(LOOKUPS) }
    }
}

impl PendingLinks {
    pub(super) fn insert(&self, pending: Pending) -> Result<String, Refusal> {
        let mut codes = self.lock();
        let now = Instant::now();
        codes.retain(|_, link| link.expires_at > now);
        if codes.len() >= MAX_CODES {
            return Err(Refusal::Overloaded);
        }
        let mut code = new_user_code();
        while codes.contains_key(&code) {
            code = new_user_code();
        }
        codes.insert(code.clone(), pending);
        Ok(code)
    }

    /// What has been decided about a device code; `None`: it was not given out here.
    pub(super) fn poll(&self, device_code: &str, interval: u32) -> Option<Result<Decision, Refusal>> {
        let mut codes = self.lock();
        let now = Instant::now();
        let link = codes.values_mut().find(|link| link.device_code == device_code && link.expires_at > now)?;
        let too_soon = link.last_poll.is_some_and(|last| now.duration_since(last) < Duration::from_secs(interval.into()).mul_f64(0.8));
        link.last_poll = Some(now);
        Some(if too_soon && link.decision == Decision::None { Err(Refusal::SlowDown { interval }) } else { Ok(link.decision) })
    }

    /// The right to look a code up in the database.
    pub(super) fn turn_to_look_up(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.lookups.try_acquire().map_err(|_| Refusal::Overloaded)
    }

    /// The codes that wait for approval.
    pub(crate) fn pending(&self) -> Vec<PendingLink> {
        let now = Instant::now();
        let codes = self.lock();
        let waiting = codes.iter().filter(|(_, link)| link.decision == Decision::None && link.expires_at > now);
        waiting.map(|(user_code, link)| link.shown(user_code, now)).collect()
    }

    /// Approves a code in the store, then here; approving again is harmless. `NotFound`: no such code, or it was denied.
    pub(crate) async fn approve(&self, state: &RelayState, user_code: &str, by: Actor) -> Result<PendingLink, Refusal> {
        let user_code = canonical(user_code);
        let DecidedLink { device_code, public_key, shown } = self.begin_approval(&user_code).ok_or(Refusal::NotFound)?;
        let approved = ApprovedLink {
            account: state.operator_account,
            device_code,
            public_key,
            name: shown.name.clone(),
            platform: shown.platform.clone(),
            expires_at: state.now().plus_seconds(CODE_SECONDS.into()),
        };
        if let Err(error) = state.store.approve_link(approved, by, state.now()).await {
            // Nothing is approved that is not stored.
            self.change(&user_code, Decision::Approving, Decision::None);
            return Err(error.into());
        }
        self.change(&user_code, Decision::Approving, Decision::Approved);
        tracing::info!(device.name = shown.name, "linking approved");
        Ok(shown)
    }

    /// Denies a code that is undecided.
    pub(crate) async fn deny(&self, state: &RelayState, user_code: &str, by: Actor) -> Result<(), Refusal> {
        let user_code = canonical(user_code);
        if !self.change(&user_code, Decision::None, Decision::Denied) {
            return Err(Refusal::NotFound);
        }
        let name = self.lock().get(&user_code).map(|link| link.name.clone()).unwrap_or_default();
        // Denied it is, whether or not that can be written down.
        let denied = vec![(state.now(), Entry::LinkDenied { by, name })];
        if let Err(error) = state.store.record(state.operator_account, denied).await {
            tracing::error!(%error, "a denied link was not recorded");
        }
        Ok(())
    }

    fn begin_approval(&self, user_code: &str) -> Option<DecidedLink> {
        let mut codes = self.lock();
        let now = Instant::now();
        let link = codes.get_mut(user_code).filter(|link| link.expires_at > now)?;
        match link.decision {
            Decision::None => link.decision = Decision::Approving,
            // Whoever approves again has the store asked again: the first try may still be under way.
            Decision::Approving | Decision::Approved => {}
            Decision::Denied => return None,
        }
        Some(DecidedLink { device_code: link.device_code.clone(), public_key: link.public_key.clone(), shown: link.shown(user_code, now) })
    }

    /// Whether the decision was `from`, and now is `to`.
    fn change(&self, user_code: &str, from: Decision, to: Decision) -> bool {
        let mut codes = self.lock();
        let now = Instant::now();
        let Some(link) = codes.get_mut(user_code).filter(|link| link.decision == from && link.expires_at > now) else { return false };
        link.decision = to;
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn shown(&self, user_code: &str, now: Instant) -> PendingLink {
        PendingLink {
            user_code: user_code.to_owned(),
            name: self.name.clone(),
            platform: self.platform.clone(),
            address: self.address.clone(),
            expires_in: u32::try_from(self.expires_at.duration_since(now).as_secs()).unwrap_or(u32::MAX),
        }
    }
}

fn new_user_code() -> String {
    // 32 random bits a letter: the bias over 20 letters is nothing.
    let letter = || char::from(LETTERS[(u32::from_le_bytes(random_bytes()) % 20) as usize]);
    let group = || (0..4).map(|_| letter()).collect::<String>();
    format!("{}-{}", group(), group())
}

/// People type codes in lower case, and with or without the hyphen.
fn canonical(user_code: &str) -> String {
    let letters: String = user_code.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_uppercase();
    if letters.len() == 8 { format!("{}-{}", &letters[..4], &letters[4..]) } else { letters }
}
