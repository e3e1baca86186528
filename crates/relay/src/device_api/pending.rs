//! Linking: which desktops ask, and what operators decide. A desktop's code is a sealed token ([`super::link_code`]), so no
//! relay has to know it; what is kept here, in memory and in bounded number, only makes a user code quick to find. A relay
//! that does not know one asks through the database, which the desktop's next poll answers at whichever relay it reaches.
//! Decisions are stored, and the first one stands.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::audit::Actor;
use protocol::{AccountId, Secret, UnixMillis};
use store::{ApprovedLink, LinkDecided, LinkStanding, Store};
use tokio::sync::Semaphore;

use super::link_code::{self, LinkCode, canonical};
use crate::console::network_of;
use crate::operator::PendingLink;
use crate::problem::Refusal;
use crate::state::RelayState;

/// Seconds that a code lives, and again after it was approved.
pub(super) const CODE_SECONDS: u32 = 600;
/// Codes that are remembered: each is some hundred bytes that anybody may ask for. The oldest goes; its desktop's next poll
/// brings it back.
const MAX_CODES: usize = 4_000;
/// Codes of one address that are remembered: an office that links its desktops at once. Beyond, its own oldest goes: whoever
/// floods us pushes nobody out but themselves.
const MAX_OF_ADDRESS: usize = 40;
/// Codes that are looked up in the database at once, and that may wait for it: nobody has authenticated, so others go before.
const LOOKUPS: usize = 4;
const WAITING: usize = 256;
/// Seconds that the search for a code stays open.
const WANTED_SECONDS: i64 = 60;
/// How long an operator's search waits for the desktop's next poll: one interval, and some for the way.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(250);

/// Codes that were seen here, by the user code.
#[derive(Debug)]
pub(crate) struct PendingLinks {
    codes: Mutex<HashMap<String, Pending>>,
    lookups: Semaphore,
    places: Semaphore,
    /// Whether other relays give codes out, too.
    is_shared: bool,
    started: Instant,
}

#[derive(Debug)]
struct Pending {
    found: FoundLink,
    network: IpAddr,
    seen: Instant,
    last_poll: Option<Instant>,
    is_decided: bool,
}

/// A desktop that asks to be linked, with what it polls with.
#[derive(Clone, Debug)]
pub(crate) struct FoundLink {
    /// What an operator sees of it.
    pub(crate) code: LinkCode,
    device_code: Secret,
}

impl PendingLinks {
    /// `is_shared`: whether other relays use the same database.
    pub(crate) fn new(is_shared: bool) -> Self {
        let (lookups, places) = (Semaphore::new(LOOKUPS), Semaphore::new(LOOKUPS + WAITING));
        Self { codes: Mutex::default(), lookups, places, is_shared, started: Instant::now() }
    }

    /// A code was given out, or was polled with.
    pub(super) fn remember(&self, code: LinkCode, device_code: &str) {
        let network = network_of(code.address.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        let mut codes = self.lock();
        if !codes.contains_key(&code.user_code) {
            if codes.values().filter(|known| known.network == network).count() >= MAX_OF_ADDRESS {
                drop_oldest(&mut codes, |known| known.network == network);
            } else if codes.len() >= MAX_CODES {
                drop_oldest(&mut codes, |_| true);
            }
        }
        let user_code = code.user_code.clone();
        let found = FoundLink { code, device_code: Secret::new(device_code.to_owned()) };
        codes.insert(user_code, Pending { found, network, seen: Instant::now(), last_poll: None, is_decided: false });
    }

    /// A desktop polls.
    ///
    /// # Errors
    /// When it does so too often.
    pub(super) fn note_poll(&self, code: &LinkCode, device_code: &str, interval: u32) -> Result<(), Refusal> {
        let now = Instant::now();
        let mut codes = self.lock();
        match codes.get_mut(&code.user_code).filter(|known| known.found.device_code.expose() == device_code) {
            Some(known) => {
                let pause = Duration::from_secs(interval.into()).mul_f64(0.8);
                let too_soon = known.last_poll.is_some_and(|last| now.duration_since(last) < pause);
                if too_soon && !known.is_decided {
                    return Err(Refusal::SlowDown { interval });
                }
                // Not of one that came too soon: whoever never slows down is still told now and then.
                known.last_poll = Some(now);
                Ok(())
            }
            None => {
                drop(codes);
                self.remember(code.clone(), device_code);
                if let Some(known) = self.lock().get_mut(&code.user_code) {
                    known.last_poll = Some(now);
                }
                Ok(())
            }
        }
    }

    /// How a code stands, whichever relay has decided.
    pub(super) async fn standing(&self, state: &RelayState, code: &LinkCode, device_code: &str) -> Result<LinkStanding, Refusal> {
        let _place = self.places.try_acquire().map_err(|_| Refusal::Overloaded)?;
        let _turn = self.lookups.acquire().await.map_err(|_| Refusal::Overloaded)?;
        Ok(state.store.link_standing(device_code.to_owned(), code.user_code.clone(), state.now()).await?)
    }

    /// The codes that wait for a decision, as far as this relay has seen them.
    pub(crate) fn pending(&self, now: UnixMillis) -> Vec<PendingLink> {
        let codes = self.lock();
        codes.values().filter(|known| !known.is_decided && known.found.code.expires_at > now).map(|known| known.found.shown(now)).collect()
    }

    /// The desktop that shows a code. Waits for its next poll when this relay does not know it.
    ///
    /// # Errors
    /// `NotFound`: no such code, or no longer.
    pub(crate) async fn find(&self, state: &RelayState, user_code: &str) -> Result<FoundLink, Refusal> {
        let user_code = canonical(user_code).ok_or(Refusal::NotFound)?;
        let known = self.lock().get(&user_code).map(|known| known.found.clone());
        if let Some(found) = known.filter(|found| found.code.expires_at > state.now()) {
            return Ok(found);
        }
        // A relay that is alone and has been up for a while has seen every desktop that polls.
        if !self.is_shared && self.started.elapsed() > 2 * PATIENCE {
            return Err(Refusal::NotFound);
        }
        state.store.want_link(user_code.clone(), state.now().plus_seconds(WANTED_SECONDS)).await?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
            let told = state.store.told_link(user_code.clone(), state.now()).await?;
            let opened =
                told.and_then(|device_code| Some((link_code::open(&state.store.settings().sealing, device_code.expose())?, device_code)));
            if let Some((code, device_code)) = opened.filter(|(code, _)| code.user_code == user_code && code.expires_at > state.now()) {
                self.remember(code.clone(), device_code.expose());
                return Ok(FoundLink { code, device_code });
            }
        }
        Err(Refusal::NotFound)
    }

    /// Stores a decision for an account; the same again is harmless. `NotFound`: it was decided otherwise.
    pub(crate) async fn decide(
        &self,
        store: &Store,
        found: &FoundLink,
        (account, by, now): (AccountId, Actor, UnixMillis),
        approve: bool,
    ) -> Result<(), Refusal> {
        let FoundLink { code, device_code } = found;
        let link = ApprovedLink {
            account,
            device_code: device_code.expose().to_owned(),
            public_key: code.public_key.clone(),
            name: code.name.clone(),
            platform: code.platform.clone(),
            // Somebody may approve in the last second; the desktop is told at its next poll.
            expires_at: now.plus_seconds(CODE_SECONDS.into()),
        };
        let decided = if approve { store.approve_link(link, by, now).await? } else { store.deny_link(link, by, now).await? };
        let is_decided = !matches!(decided, LinkDecided::PlanFull { .. });
        if let Some(known) = self.lock().get_mut(&code.user_code) {
            known.is_decided = is_decided;
        }
        match decided {
            LinkDecided::Done => {
                tracing::info!(account.id = %account, device.name = code.name, approve, "linking decided");
                Ok(())
            }
            LinkDecided::Otherwise => Err(Refusal::NotFound),
            LinkDecided::PlanFull { limit } => Err(Refusal::PlanFull { what: "desktops", limit }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FoundLink {
    /// As an operator sees it.
    pub(crate) fn shown(&self, now: UnixMillis) -> PendingLink {
        let LinkCode { user_code, name, platform, address, expires_at, .. } = self.code.clone();
        let expires_in = u32::try_from(expires_at.seconds() - now.seconds()).unwrap_or(0);
        PendingLink { user_code, name, platform, address, expires_in }
    }
}

fn drop_oldest(codes: &mut HashMap<String, Pending>, among: impl Fn(&Pending) -> bool) {
    let oldest = codes.iter().filter(|(_, known)| among(known)).min_by_key(|(_, known)| known.seen).map(|(user_code, _)| user_code.clone());
    if let Some(user_code) = oldest {
        codes.remove(&user_code);
    }
}
